#!/usr/bin/env bash
# The checks that need a GPU, in one call of at most 9 minutes:  benches/gpu.sh ORT_CUDA_FOLDER [SWATH_BINARY]
#   ORT_CUDA_FOLDER  holds libonnxruntime.so.* and its CUDA providers; CUDA 13 and cuDNN 9 are taken from the machine's PyTorch
#   PEERS            folder of the peers' scripts (default ../shared/peers)
#   PEERS_PYTHON     a Python with PyTorch and segmentation_models_pytorch (default python3)
#   OUT              folder for what it writes (default runs/gpu)
# Each part is a function and goes on where another fails; prints JSON lines, and what failed at the end. Figures go into
# benches/RESULTS.md with date, card and driver. benches/peers/gpu_pack.sh gathers what a machine without network needs.
set -uo pipefail
cd "$(dirname "$0")/.."
ort=${1:?give the folder of the CUDA libraries of ONNX Runtime}
swath=${2:-target/release/swath}
python=${PEERS_PYTHON:-python3}
peers=${PEERS:-../shared/peers}
out=${OUT:-runs/gpu}
failed=()
# Seconds after which no further measurement begins: a lent machine gives ten minutes a call.
deadline=480
mkdir -p "$out"
out=$(cd "$out" && pwd)
model=$out/unet-resnet18.onnx

set_up() {
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
    local nvidia
    nvidia=$("$python" -c 'import nvidia, pathlib; print(":".join(str(p) for f in nvidia.__path__ for p in pathlib.Path(f).glob("*/lib")))')
    export LD_LIBRARY_PATH="$ort:$nvidia:${LD_LIBRARY_PATH:-}"
    ORT_DYLIB_PATH=$(find "$ort" -maxdepth 1 -name 'libonnxruntime.so.*' | sort | tail -n 1)
    export ORT_DYLIB_PATH
    [ -f "$model" ] && return
    "$python" models/unet-resnet18/export.py --weights none --bands 3 --classes 5 --out "$out/export" &&
        cp "$out/export/model.onnx" "$model"
}

# Every operator of swath in every type, and the network's gradients in either form of the graph (relative error of 2e-3, float32
# without TF32), on the GPU against the processor. One line per outcome goes to a file; what disagrees is shown.
operators_agree() {
    local operators status=0
    for operators in swath plain; do
        "$swath" bench kernels "$model" --device cuda --operators "$operators" >"$out/kernels-$operators.jsonl" || status=1
        grep '"agrees":false' "$out/kernels-$operators.jsonl"
        grep '"gradients"' "$out/kernels-$operators.jsonl"
    done
    return $status
}

# The same steps on the processor and on the GPU in float32 without TF32: losses agree to 2e-3.
losses_agree() {
    "$python" - "$swath" "$model" <<'PY'
import json, subprocess, sys
swath, model = sys.argv[1:]
def loss(*flags):
    command = [swath, "bench", "step", model, "--batch", "2", "--size", "128x128", "--steps", "5", *flags]
    run = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    return run["loss"], run["execution"]["provider"]
worst = 0.0
for operators in ["plain", "swath"]:
    cpu, _ = loss("--device", "cpu", "--operators", operators)
    cuda, provider = loss("--device", "cuda", "--operators", operators)
    relative = abs(cpu - cuda) / abs(cpu)
    worst = max(worst, relative)
    print(json.dumps({"check": "loss", "operators": operators, "cpu": cpu, "cuda": cuda, "relative": relative, "provider": provider}))
sys.exit(worst > 2e-3)
PY
}

# Runs a command while its GPU is looked at every 100 ms; adds the mean utilisation and the most memory to its last JSON line.
watched() {
    local samples=$out/samples.csv line status
    nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits -lms 100 >"$samples" &
    local sampler=$!
    line=$("$@")
    status=$?
    kill "$sampler"
    wait "$sampler" 2>/dev/null
    [ $status -eq 0 ] && "$python" - "$samples" "$line" <<'PY'
import json, sys
rows = [line.split(",") for line in open(sys.argv[1]) if line.count(",") == 1]
busy = [float(row[0]) for row in rows if float(row[0]) > 0]
line = json.loads(sys.argv[2].strip().splitlines()[-1])
line["gpu_utilisation"] = round(sum(busy) / len(busy), 1) if busy else 0.0
line["gpu_mib"] = max((float(row[1]) for row in rows), default=0.0)
print(json.dumps(line))
PY
}

# Images per second of a whole step, beside PyTorch; utilisation and memory of each. `inference_s` is float32 in every line.
timings() {
    local status=0 batch flags
    for batch in 16 64; do
        # shellcheck disable=SC2086  # flags are words
        for flags in "--precision bf16" "--precision f16" "--precision f32 --tf32" "--precision f32"; do
            timing "$swath" bench step "$model" --batch "$batch" --size 256x256 --classes 5 --device cuda --steps 20 $flags || status=1
        done
        for flags in "--amp bf16 --channels-last" "--amp fp16 --channels-last" ""; do
            timing "$python" "$peers/torch_step.py" --device cuda --batch "$batch" --steps 20 $flags || status=1
        done
    done
    return $status
}

timing() {
    if [ $SECONDS -gt $deadline ]; then
        echo "skipped, out of time: $*" >&2
        return 1
    fi
    watched timeout 60 "$@"
}

# Fifty steps of a fine-tuning on a made-up landscape, in each type; the scores of all runs are laid side by side.
finetuning() {
    "$swath" demo --out "$out/demo" --steps 1 >"$out/demo.log" 2>&1 || return 1
    local config status=0 precision
    config=$(find "$out/demo" -maxdepth 1 -name '*.toml' | sort | head -n 1)
    for precision in f32 bf16 f16; do
        watched finetuned "$config" "$precision" || status=1
    done
    return $status
}

finetuned() {
    local run=$out/run-$2
    timeout 90 "$swath" finetune "$1" --precision "$2" --overwrite --set training.device=cuda --set training.steps=50 --set "out=$run" \
        >"$out/finetune-$2.log" 2>&1 || { tail -n 3 "$out/finetune-$2.log" >&2; return 1; }
    "$python" - "$run" "$2" <<'PY'
import json, pathlib, sys
run = pathlib.Path(sys.argv[1])
steps = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
record, scores = json.loads((run / "run.json").read_text()), json.loads((run / "metrics.json").read_text())
print(json.dumps({"check": "finetune", "precision": sys.argv[2], "steps": len(steps), "first_loss": steps[0]["loss"], "last_loss": steps[-1]["loss"],
                  "samples_per_s": steps[-1]["samples_per_s"], "execution": record["execution"], "mean_iou": scores.get("mean_iou")}))
PY
}

part() {
    echo "# $1"
    local started=$SECONDS
    "$@" || failed+=("$1")
    echo "# $1: $((SECONDS - started)) s"
}

part set_up
part operators_agree
part losses_agree
part finetuning
part timings
if [ ${#failed[@]} -gt 0 ]; then
    echo "failed: ${failed[*]}" >&2
    exit 1
fi
