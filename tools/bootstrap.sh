#!/usr/bin/env bash
# Makes a virtual environment in $1 with Python 3.11 or later. Installs what Debian lacks where it may, else says how.
set -euo pipefail
target=${1:?usage: bootstrap.sh FOLDER}

usable() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local name
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null && usable "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

if ! python=$(find_python); then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "Installing python3 and python3-venv ..."
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq </dev/null
        apt-get install -y -qq --no-install-recommends python3 python3-venv </dev/null >/dev/null
    fi
    if ! python=$(find_python); then
        echo "Python 3.11 or later with its venv module is needed. On Debian 12 or later, Ubuntu 24.04 or later:" >&2
        echo "    sudo apt-get update && sudo apt-get install -y python3 python3-venv" >&2
        exit 1
    fi
fi
"$python" -m venv "$target"
