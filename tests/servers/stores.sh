#!/usr/bin/env bash
# stores.sh s3|azure|gcs FILE: serves FILE from an emulator of an object store on the loopback address.
#
# Installs the emulator by package name with pip or npm where it is not there yet (in target/test-servers, or the folder that
# SWATH_TEST_SERVERS names), starts it on a free port, and puts FILE into it. Then prints one line of JSON with the endpoint and
# keys, and serves until standard input ends. Status 3: it cannot be installed here.
set -euo pipefail
kind=$1 file=$2
here=$(cd "$(dirname "$0")" && pwd)
servers=${SWATH_TEST_SERVERS:-$here/../../target/test-servers}
mkdir -p "$servers"

# Several tests may come here at once; who is first installs.
exec 9>"$servers/lock"
flock 9
{
    venv=$servers/venv-$(sha256sum "$here/requirements.txt" | cut -c1-12)
    if [ ! -e "$venv/ready" ]; then
        python3 -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" &&
            touch "$venv/ready" || exit 3
    fi
    node=$servers/node-$(sha256sum "$here/package.json" | cut -c1-12)
    if [ "$kind" = azure ] && [ ! -e "$node/ready" ]; then
        mkdir -p "$node" && cp "$here/package.json" "$node/" &&
            npm install --prefix "$node" --no-audit --no-fund --no-package-lock --silent &&
            touch "$node/ready" || exit 3
    fi
} >&2
flock --unlock 9
exec 9>&-
exec env AZURITE="$node/node_modules/.bin/azurite-blob" "$venv/bin/python" "$here/stores.py" "$kind" "$file"
