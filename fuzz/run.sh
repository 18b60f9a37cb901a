#!/bin/bash
# Runs the fuzz targets: fuzz/run.sh [TARGET...]; without any, those not yet run at this commit,
# each EXTANT_FUZZ_SECONDS (600), then the drill with planted bugs. See docs/fuzzing.md.
set -euo pipefail

fuzz_root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd)
target=${CARGO_TARGET_DIR:-$fuzz_root/target}
targets=(parse open_walk journal fast_commit)
seconds=${EXTANT_FUZZ_SECONDS:-600}
export EXTANT_FUZZ_SEEDS=$target/fuzz-seeds
export EXTANT_CORPUS=${EXTANT_CORPUS:-$fuzz_root/../shared/data}
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin:$target/tools/bin

fuzz_tools() {
    if ! command -v cargo-fuzz >/dev/null; then
        cargo install --locked --quiet --root "$target/tools" cargo-fuzz --version 0.13.2
    fi
}

# Seeds are made once: inputs that were found name them by number.
fuzz_seeds() {
    if [ ! -e "$EXTANT_FUZZ_SEEDS/index" ]; then
        (cd -- "$fuzz_root/fuzz" && CARGO_TARGET_DIR=$target/fuzz-tools \
            cargo run --locked --quiet --example prepare)
    fi
}

# fuzz_build TREE FOLDER TARGET: the program's path. Stable Rust takes the flags of the
# instrumentation only like this. No address sanitizer: all that is run here is safe code.
# Comparisons are traced only where inputs are the bytes that are compared.
fuzz_build() {
    local tree=$1 folder=$2 name=$3 flags=(--no-trace-compares)
    if [ "$name" = parse ]; then
        folder=$folder-compares flags=()
    fi
    (cd -- "$tree/fuzz" && CARGO_TARGET_DIR=$folder RUSTC_BOOTSTRAP=1 \
        cargo fuzz build --sanitizer none "${flags[@]}" "$name" >&2)
    echo "$folder/$(rustc -vV | sed -n 's/^host: //p')/release/$name"
}

# fuzz_run PROGRAM TARGET FOLDER SECONDS: the corpus is in FOLDER/corpus, what ends the process in
# FOLDER/artifacts, the log in FOLDER/log.
fuzz_run() {
    local program=$1 name=$2 folder=$3 time=$4 status=0 longest=512
    mkdir -p -- "$folder/corpus" "$folder/artifacts"
    [ "$name" = parse ] && longest=4096
    export EXTANT_FUZZ_LAST=$folder/last
    : >"$EXTANT_FUZZ_LAST"
    "$program" "$folder/corpus" -artifact_prefix="$folder/artifacts/" -max_total_time="$time" \
        -timeout=5 -rss_limit_mb=1024 -max_len=$longest -print_final_stats=1 \
        >"$folder/log" 2>&1 || status=$?
    # A stack that ran out leaves no other trace.
    if [ "$status" != 0 ] && [ -s "$EXTANT_FUZZ_LAST" ]; then
        cp -- "$EXTANT_FUZZ_LAST" "$folder/artifacts/last-$(date +%s)"
    fi
    return "$status"
}

# One line for a run: executions, speed, coverage, and how it ended.
fuzz_report() {
    local name=$1 folder=$2 status=$3 stat
    stat() { sed -n "s/^stat::$1: *//p" "$folder/log" | tail -n 1; }
    printf '%-12s %10s executions %7s/s  %s  %s\n' "$name" "$(stat number_of_executed_units)" \
        "$(stat average_exec_per_sec)" \
        "$(grep -ao 'cov: [0-9]* ft: [0-9]* corp: [^ ]*' "$folder/log" | tail -n 1)" \
        "$([ "$status" = 0 ] && echo 'no find' || echo "FIND, exit status $status")"
    if [ "$status" != 0 ]; then
        grep -a -m 3 -A 1 'panicked at\|ERROR: libFuzzer' "$folder/log" || tail -n 5 "$folder/log"
        echo "inputs: $folder/artifacts; what they do: cd fuzz && cargo run --example recipe" \
            "$name FILE"
    fi
}

# Whether there are seeds for a target: those with a log need root and a kernel to be made.
fuzz_can_run() {
    case $1 in
        journal) grep -q '^dirty \|^fast_commit ' "$EXTANT_FUZZ_SEEDS/index" ;;
        fast_commit) grep -q '^fast_commit ' "$EXTANT_FUZZ_SEEDS/index" ;;
    esac
}

fuzz_target() {
    local name=$1 program status=0 folder=$target/fuzz-corpus/$1
    program=$(fuzz_build "$fuzz_root" "$target/fuzz" "$name")
    fuzz_run "$program" "$name" "$folder" "$seconds" || status=$?
    fuzz_report "$name" "$folder" "$status"
    return "$status"
}

# The bugs to plant for a target: TARGET, and TARGET-BUG where there are more.
fuzz_bugs() {
    local patch
    for patch in "$fuzz_root/fuzz/planted/$1.patch" "$fuzz_root/fuzz/planted/$1"-*.patch; do
        [ ! -e "$patch" ] || basename -- "$patch" .patch
    done
}

fuzz_main() {
    local name bug finished failed=0
    finished=$target/long/fuzz.$(git -C "$fuzz_root" rev-parse --short=12 HEAD)
    mkdir -p -- "$target/long"
    touch -- "$finished"
    fuzz_tools
    fuzz_seeds
    if [ $# != 0 ]; then
        for name; do
            fuzz_target "$name" || failed=1
        done
        return "$failed"
    fi
    for name in "${targets[@]}"; do
        if ! fuzz_can_run "$name"; then
            echo "SKIP: fuzz $name: no seeds with a log could be made here" \
                | tee -a "${EXTANT_SKIP_LOG:-/dev/null}"
            continue
        fi
        if grep -qxF -- "$name" "$finished"; then
            echo "passed before: $name"
        elif fuzz_target "$name"; then
            echo "$name" >>"$finished"
        else
            failed=1
        fi
        for bug in $(fuzz_bugs "$name"); do
            if grep -qxF -- "planted $bug" "$finished"; then
                echo "found before: the bug planted as $bug"
            elif "$fuzz_root/fuzz/planted.sh" "$bug"; then
                echo "planted $bug" >>"$finished"
            else
                failed=1
            fi
        done
    done
    return "$failed"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    fuzz_main "$@"
fi
