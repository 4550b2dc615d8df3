#!/usr/bin/env bash
# The checks that need a GPU, in one call:  benches/gpu.sh ORT_CUDA_FOLDER [SWATH_BINARY]
# ORT_CUDA_FOLDER holds libonnxruntime.so.* and its CUDA providers. CUDA 13 and cuDNN 9 are taken from the machine's
# PyTorch. Prints JSON lines; figures go into benches/RESULTS.md with date, card and driver.
set -euo pipefail
cd "$(dirname "$0")/.."
ort=${1:?give the folder of the CUDA libraries of ONNX Runtime}
swath=${2:-target/release/swath}
python=${PEERS_PYTHON:-python3}
peers=${PEERS:-../shared/peers}
out=${OUT:-runs/gpu}
mkdir -p "$out"

nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
nvidia=$("$python" -c 'import nvidia, pathlib; print(":".join(str(p) for f in nvidia.__path__ for p in pathlib.Path(f).glob("*/lib")))')
export LD_LIBRARY_PATH="$ort:$nvidia:${LD_LIBRARY_PATH:-}"
export ORT_DYLIB_PATH
ORT_DYLIB_PATH=$(ls "$ort"/libonnxruntime.so.* | head -n 1)

model=$out/unet-resnet18.onnx
[ -f "$model" ] || "$python" models/unet-resnet18/export.py --weights none --bands 3 --classes 5 --out "$out/export" \
    && cp "$out/export/model.onnx" "$model"

echo "# the same steps on the processor and on the GPU, float32 without TF32: losses agree to 2e-3"
"$python" - "$swath" "$model" <<'PY'
import json, subprocess, sys
swath, model = sys.argv[1:]
def steps(device):
    command = [swath, "bench", "step", model, "--batch", "2", "--size", "128x128", "--device", device, "--operators", "plain"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
cpu, gpu = steps("cpu"), steps("cuda")
print(json.dumps({"loss_cpu": cpu["loss"], "loss_cuda": gpu["loss"], "relative": abs(cpu["loss"] - gpu["loss"]) / abs(cpu["loss"]),
                  "provider": gpu["execution"]["provider"]}))
PY
echo "# images per second beside PyTorch"
for batch in 16 64; do
    "$swath" bench step "$model" --batch "$batch" --size 256x256 --classes 5 --device cuda --operators plain --steps 20
    "$python" "$peers/torch_step.py" --device cuda --batch "$batch" --steps 20
    "$python" "$peers/torch_step.py" --device cuda --batch "$batch" --steps 20 --amp bf16 --channels-last
done
