#!/usr/bin/env bash
# Searches of a tree of 10,000 items on disk and of a stac-geoparquet file of 1,000,000 rows: seconds of each of five runs of
# the whole command, and how many items it found. Makes both first, where they are not there.
#   FOLDER   where they are or are put (default runs/search; 0.7 GB)
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${FOLDER:-runs/search}
swath=${SWATH:-${CARGO_TARGET_DIR:-target}/release/swath}
mkdir -p "$folder"
maker=${CARGO_TARGET_DIR:-target}/release/examples/items
items() {
    [ -x "$maker" ] || cargo build --release -q -p swath -p swath-catalog --example items
    "$maker" "$@"
}
[ -f "$folder/tree/catalog.json" ] || items tree "$folder/tree" 10000
[ -f "$folder/items.parquet" ] || items table "$folder/items.parquet" 1000000
[ -n "${ONLY_MAKE:-}" ] && exit 0

measure() {
    local name=$1 seconds=() found begin end
    shift
    for _ in 1 2 3 4 5; do
        begin=$(date +%s.%N)
        found=$("$swath" search "$@" --output ndjson | wc -l)
        end=$(date +%s.%N)
        seconds+=("$(echo "$end - $begin" | bc)")
    done
    echo "{\"search\": \"$name\", \"found\": $found, \"seconds\": [$(IFS=,; echo "${seconds[*]/#./0.}")]}"
}
place=(--bbox=-10,35,10,60)
time=(--datetime 2020-06-01/2020-08-31)
measure "tree, everything" "$folder/tree"
measure "tree, box, time and CQL2" "$folder/tree" "${place[@]}" "${time[@]}" --filter "eo:cloud_cover < 20 AND platform LIKE 'sentinel%'"
measure "tree, first ten" "$folder/tree" --max-items 10
measure "table, box and time" "$folder/items.parquet" "${place[@]}" "${time[@]}"
measure "table, box, time and CQL2" "$folder/items.parquet" "${place[@]}" "${time[@]}" --filter "eo:cloud_cover < 20"
measure "table, time alone" "$folder/items.parquet" --datetime 2020-06-01/2020-06-02
measure "table, first ten" "$folder/items.parquet" --max-items 10
