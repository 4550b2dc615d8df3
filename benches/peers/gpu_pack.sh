#!/usr/bin/env bash
# Gathers what benches/gpu.sh needs on a GPU machine without network, in folders of at most 56 MiB each:
#   benches/peers/gpu_pack.sh FOLDER [PACK]     PACK: the packer of ONNX Runtime's CUDA libraries (default ../shared/gpu/pack_ort_cuda.py)
# FOLDER/1/ort_cuda.part0 and so on, one folder per journey; the last one also gets swath itself, the peers' script and the wheel of
# segmentation_models_pytorch. After each journey unpack with FOLDER/unpack.sh N TARGET there; after the last one:
#   PYTHONPATH=TARGET/site PEERS=TARGET benches/gpu.sh TARGET/ort TARGET/swath
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=${1:?give a folder}
pack=${2:-../shared/gpu/pack_ort_cuda.py}
peers=${PEERS:-../shared/peers}
python=${PEERS_PYTHON:-python3}

mkdir -p "$folder/parts"
"$python" "$pack" "$folder/parts" --part-mib 54
journey=0
for part in "$folder"/parts/ort_cuda.part*; do
    journey=$((journey + 1))
    mkdir -p "$folder/$journey"
    mv "$part" "$folder/$journey/"
done
rmdir "$folder/parts"
last=$folder/$journey
if [ "$(du -sm "$last" | cut -f1)" -gt 30 ]; then
    last=$folder/$((journey + 1))
    mkdir -p "$last"
fi
strip -o "$last/swath" target/release/swath
xz -6 -f "$last/swath"
cp "$peers/torch_step.py" "$last/"
"$python" -m pip download -q --no-deps --only-binary=:all: -d "$last" segmentation-models-pytorch==0.6.0
cat >"$folder/unpack.sh" <<'UNPACK'
#!/usr/bin/env bash
# unpack.sh N TARGET: takes journey N over into TARGET; with the last one, makes everything ready to run.
set -euo pipefail
here=$(dirname "$0")
mkdir -p "$2/ort"
cp "$here/$1"/* "$2/"
if [ -f "$2/swath.xz" ]; then
    cat "$2"/ort_cuda.part* | tar -xJ -C "$2/ort"
    xz -d -f "$2/swath.xz"
    chmod +x "$2/swath"
    python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$2/site" "$2"/*.whl
fi
UNPACK
chmod +x "$folder/unpack.sh"
du -sm "$folder"/*/
