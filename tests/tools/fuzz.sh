#!/usr/bin/env bash
# fuzz.sh [TARGET...]: runs the fuzz targets, each for FUZZ_SECONDS (60), with the committed corpora and what earlier runs
# found. Works with the stable compiler: coverage comes from LLVM's own pass, which is all that libFuzzer needs.
set -euo pipefail
cd "$(dirname "$0")/../../fuzz"

# libFuzzer is C++.
if ! command -v c++ >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || {
        echo "fuzz.sh: a C++ compiler is needed to build libFuzzer: install Debian's package g++" >&2
        exit 1
    }
    echo "installing g++"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends g++; } >/dev/null
fi

seconds=${FUZZ_SECONDS:-60}
targets=("$@")
[ $# -gt 0 ] || targets=($(cd targets && ls -- *.rs | sed 's/\.rs$//'))
host=$(rustc -vV | sed -n 's/^host: //p')
build=${FUZZ_TARGET_DIR:-$PWD/target}

# What is fuzzed is what is shipped: the workspace's versions, and libFuzzer's own beside them.
cp ../Cargo.lock Cargo.lock
# For an explicit --target, so that build scripts and macros go without.
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --quiet --release --target "$host" --target-dir "$build"

for target in "${targets[@]}"; do
    printf '\n==> Fuzz %s for %s s\n' "$target" "$seconds"
    found=$build/corpus/$target
    mkdir -p "$found" "$build/artifacts/$target"
    log=$build/$target.log
    code=0
    "$build/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$build/artifacts/$target/" "$found" "corpus/$target" >"$log" 2>&1 || code=$?
    grep -E 'INITED|DONE|stat::number_of_executed_units|stat::average_exec_per_sec|stat::peak_rss_mb' "$log" || code=1 # a run that tells nothing of itself tested nothing
    [ "$code" = 0 ] || {
        tail -n 40 "$log" >&2
        echo "fuzz.sh: $target failed, see $log; the input is in $build/artifacts/$target: fix the fault and add the input to" \
            "fuzz/corpus/$target" >&2
        exit 1
    }
done
