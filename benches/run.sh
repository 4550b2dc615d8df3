#!/usr/bin/env bash
# Each stage beside its peer, both sides in turn in one run; prints JSON lines. What is missing is said and skipped.
#   PEERS          folder of the peers' scripts (default ../shared/peers)
#   PEERS_PYTHON   a Python with their packages (default ~/.cache/swath-peers/bin/python)
set -euo pipefail
cd "$(dirname "$0")/.."
peers=${PEERS:-../shared/peers}
python=${PEERS_PYTHON:-$HOME/.cache/swath-peers/bin/python}
data=${PEERS_DATA:-$peers/../data}
swath=${CARGO_TARGET_DIR:-target}/release/swath
export ORT_DYLIB_PATH=${ORT_DYLIB_PATH:-$PWD/.ort/libonnxruntime.so.1.31.1}

if [ ! -x "$python" ] || [ ! -f "$peers/torch_step.py" ]; then
    echo "skipped: $python or $peers/torch_step.py is not there; $peers/setup.sh makes the environment" >&2
    exit 0
fi
echo "# gradients against PyTorch's own"
zoo=runs/zoo
[ -d "$zoo" ] || "$python" "$peers/export_zoo.py" "$zoo" --models Unet-resnet18 Unet-mobilenet_v2
"$python" benches/peers/gradients.py "$zoo" --swath "$swath"
echo "# training step"
"$python" benches/peers/step.py --swath "$swath" --torch-step "$peers/torch_step.py"
echo "# loader"
cargo build --release -q -p swath-loader --example load
"$python" benches/peers/loader.py --peers "$peers"
echo "# learning, on one reservoir"
"$python" benches/peers/boadella.py --swath "$swath" --data "$data/boadella" --recipe "$peers/torch_boadella.py"
