#!/usr/bin/env bash
# look.sh OUT PAGE.html…: opens pages in a headless Chromium and prints what it sees as one line of JSON; screenshots and prints go
# to the folder OUT.
#
# Installs Playwright by package name with pip (in target/test-browser, or the folder that SWATH_TEST_BROWSER names), and in CI
# Chromium with apt. Status 3: there is no browser here and none may be installed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${SWATH_TEST_BROWSER:-$here/../../target/test-browser}
mkdir -p "$home"

# Several tests may come here at once; who is first installs.
exec 9>"$home/lock"
flock 9
browser() { command -v chromium || command -v chromium-browser || command -v google-chrome; }
{
    if ! browser >/dev/null; then
        [ "${CI:-}" = true ] && [ "$(id -u)" = 0 ] && command -v apt-get || exit 3
        export DEBIAN_FRONTEND=noninteractive
        timeout 110 sh -c 'apt-get update -qq && apt-get install -qq --no-install-recommends chromium' || exit 3
    fi
    venv=$home/venv-$(sha256sum "$here/requirements.txt" | cut -c1-12)
    if [ ! -e "$venv/ready" ]; then
        python3 -m venv "$venv" &&
            "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt" &&
            touch "$venv/ready" || exit 3
    fi
} >&2
flock --unlock 9
exec 9>&-
exec "$venv/bin/python" "$here/look.py" --chromium "$(browser)" "$@"
