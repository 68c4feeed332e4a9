#!/usr/bin/env bash
# Installs the programs that tests talk to and pip does not have, where it may: as root, by apt-get, in bounded time.
# Never fails. What is missing is said, and noted in the file $1: tests of it are then skipped even where none may be.
set -uo pipefail
noted=${1:?usage: peers.sh FILE}
PATH=$PATH:/usr/sbin:/sbin

missing() {
    command -v rsyslogd >/dev/null && compgen -G '/usr/lib/*/rsyslog/lmnsd_gtls.so' >/dev/null || echo rsyslog rsyslog-gnutls
}

if [ -n "$(missing)" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $(missing) for tests ..."
    export DEBIAN_FRONTEND=noninteractive
    timeout 60 apt-get update -qq </dev/null >/dev/null 2>&1
    # shellcheck disable=SC2046
    timeout 90 apt-get install -y -qq --no-install-recommends $(missing) </dev/null >/dev/null 2>&1
fi
if [ -n "$(missing)" ]; then
    echo "Not installed, and tests of it are skipped: $(missing)" | tee "$noted" >&2
else
    rm -f "$noted"
fi
