#!/usr/bin/env bash
# A fine-tuning run with everything that has state (accumulation, moving averages, thawing, a plateau schedule), killed by
# SIGKILL at random moments and gone on with each time, ends in the very bytes of a run left in peace.
# Usage: benches/kill.sh [KILLS] [SEED]; SWATH names the binary (default target/release/swath).
set -euo pipefail
kills=${1:-20}
RANDOM=${2:-$$}
swath=$(realpath "${SWATH:-target/release/swath}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
"$swath" demo --steps 1 --out demo >demo.log 2>&1
cd demo
sed '/^\[recipe\]/,$d; /^out = /d' pre-trained.toml >kill.toml
sed -i '1i out = "killed"' kill.toml
cat >>kill.toml <<'TOML'
[recipe]
bands = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
window_px = 64
batch = 2
split = { method = "blocks", block_px = 128, fractions = { train = 0.8, validate = 0.1, test = 0.1 } }
normalise = { method = "fixed", scale = [0.0005], offset = [-1.5] }
augment = [{ name = "RandomRotate90" }, { name = "HorizontalFlip" }]

[training]
steps = 120
accumulate = 2
ema = 0.9
freeze = ["encoder.*"]
thaw = [{ pattern = "encoder.stages.3.*", at_step = 30 }, { pattern = "encoder.*", at_step = 70 }]
groups = [{ pattern = "encoder.*", lr_multiplier = 0.1, weight_decay = 0 }]
clip_norm = 1.0
schedule = { kind = "plateau", factor = 0.5, patience = 0 }
validation = { every = 16, patience = 20 }
checkpoint_every = 3
TOML
peace() { "$swath" finetune kill.toml --set 'out=peace' >peace.log 2>&1; }
begun=$(date +%s%N)
peace || { cat peace.log; exit 1; }
span_ms=$((($(date +%s%N) - begun) / 1000000))

done_steps() { sed -n 's/.*"step": *\([0-9]*\).*/\1/p' killed/checkpoint/last.json 2>/dev/null || true; }
killed=0
trail=()
while [ "$killed" -lt "$kills" ]; do
    resume=()
    [ -f killed/checkpoint/last.json ] && resume=(--resume)
    "$swath" finetune kill.toml "${resume[@]}" >killed.log 2>&1 &
    process=$!
    # Every other process is killed anywhere from its very start on; the others get at least one checkpoint further first, so
    # that the kills spread over the whole run.
    before=$(done_steps)
    while [ $((killed % 2)) = 1 ] && [ "$(done_steps)" = "$before" ] && kill -0 "$process" 2>/dev/null; do sleep 0.02; done
    wait_ms=$((RANDOM % (100 + span_ms / kills)))
    sleep "$((wait_ms / 1000)).$(printf %03d $((wait_ms % 1000)))"
    if ! kill -9 "$process" 2>/dev/null; then
        wait "$process" || { cat killed.log; exit 1; }
        echo "the run was over after $killed kills; give another seed" >&2
        exit 1
    fi
    wait "$process" 2>/dev/null || true
    killed=$((killed + 1))
    trail+=("$(done_steps | grep . || echo none)")
done
resume=()
[ -f killed/checkpoint/last.json ] && resume=(--resume)
"$swath" finetune kill.toml "${resume[@]}" >killed.log 2>&1 || { cat killed.log; exit 1; }
echo "steps saved at each kill: ${trail[*]:-none}"
weights() { cat "$1"/checkpoint/"$(sed -n 's/.*"folder": *"\([^"]*\)".*/\1/p' "$1"/checkpoint/last.json)"/tensors.safetensors; }
cmp <(weights peace) <(weights killed)
cmp peace/model.onnx killed/model.onnx
echo "$kills kills, $(cut -d, -f1 killed/history.jsonl | wc -l) steps: checkpoint and network are the same bytes"
