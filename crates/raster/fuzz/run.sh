#!/usr/bin/env bash
# Fuzzes each target for so many seconds, or those named:  crates/raster/fuzz/run.sh SECONDS [TARGET...]
# Needs a nightly toolchain, a C++ compiler and `cargo install cargo-fuzz`. SEEDS names a folder of TIFF files to start from.
# What is found lies in fuzz/artifacts; a case that is mended goes to fuzz/cases/TARGET, which every later run begins with.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:?give the seconds for each target}
shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
corpus=fuzz/corpus
[ -z "${SEEDS:-}" ] || python3 fuzz/seeds.py "$SEEDS" "$corpus"

failed=()
for target in "${targets[@]}"; do
    mkdir -p "$corpus/$target" "fuzz/cases/$target"
    echo "== $target"
    # 20,000 bytes hold every block of the seeds; one input may take 10 s and 1 GiB.
    nice -n 19 cargo +nightly fuzz run "$target" "$corpus/$target" "fuzz/cases/$target" -- \
        -max_total_time="$seconds" -max_len=20000 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 2>&1 |
        tee "$corpus/$target.log" | grep -E 'stat::|ERROR|SUMMARY|panicked|Test unit written|DONE' || true
    grep -qE 'DONE|Done' "$corpus/$target.log" || failed+=("$target")
done
find fuzz/cases -type d -empty -delete
[ ${#failed[@]} -eq 0 ] || { echo "found something: ${failed[*]}" >&2; exit 1; }
