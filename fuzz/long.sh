#!/bin/bash
# Runs every fuzz target a million times, or as often as the first argument says, from seeds and from what earlier
# runs have kept in `fuzz/corpus`. A run that takes longer than a second or more than 512 MB is a find, as a
# panic is; finds go to `fuzz/artifacts`. `fuzz/long.sh 1000000 decode btf` runs only these targets. The second is one of
# the clock on the wall: where others use the machine, INSPECT_FUZZ_SECONDS=20 keeps their work out of the finds.
set -euo pipefail
cd "$(dirname "$0")/.."

runs=${1:-1000000}
shift || true
targets=("$@")
if ((${#targets[@]} == 0)); then
    for file in fuzz/fuzz_targets/*.rs; do
        target=${file##*/}
        targets+=("${target%.rs}")
    done
fi

INSPECT_FUZZ_SEEDS=$PWD/fuzz/corpus cargo test --package inspect-reader \
    --test decode_hostile --test table_hostile seeds

INSPECT_FUZZ_SEEDS=$PWD/fuzz/corpus cargo test --package inspect-gen --test fuzz_replay seeds

failed=()
for target in "${targets[@]}"; do
    echo "== $target"
    mkdir -p "fuzz/corpus/$target" "fuzz/corpus-crashes/$target"
    # Every target sees its old finds first.
    cargo +nightly fuzz run "$target" "fuzz/corpus/$target" "fuzz/corpus-crashes/$target" -- \
        -runs="$runs" -max_len=65536 -timeout="${INSPECT_FUZZ_SECONDS:-1}" -rss_limit_mb=512 -print_final_stats=1 ||
        failed+=("$target")
done
if ((${#failed[@]})); then
    echo "finds in: ${failed[*]}" >&2
    exit 1
fi
