#!/usr/bin/env bash
# Samples per second of swath and of what a user would pick instead, on the same scenes, in one run.
#   benches/peers/loader.sh [SCENES] [SAMPLES]
# The other side is loader_peers.py in $PEERS (default ../shared/peers), run by $PEERS_PYTHON
# (default ~/.cache/swath-peers/bin/python); it makes the scenes on first use. Figures move with the machine and with what
# else runs on it: compare lines of one run only.
set -euo pipefail
cd "$(dirname "$0")/../.."
scenes=${1:-1}
samples=${2:-6400}
peers=${PEERS:-../shared/peers}
python=${PEERS_PYTHON:-$HOME/.cache/swath-peers/bin/python}
data=${PEERS_DATA:-$HOME/.cache/swath-peers/loader}

if [ ! -x "$python" ] || [ ! -f "$peers/loader_peers.py" ]; then
    echo "skipped: $python or $peers/loader_peers.py is not there" >&2
    exit 0
fi
cargo build --release -q -p swath-loader --example load
"$python" "$peers/loader_peers.py" --dir "$data" --scenes "$scenes" --make-only
target=${CARGO_TARGET_DIR:-target}
echo "# swath: the first line is a cold pass, the second the steady state"
"$target/release/examples/load" "$data" --scenes "$scenes" --samples "$samples" --epochs 2
echo "# peers"
"$python" "$peers/loader_peers.py" --dir "$data" --scenes "$scenes" --samples "$samples" --workers 0 2
