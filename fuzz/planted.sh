#!/bin/bash
# Plants a bug in a copy of the tree, and fails unless fuzzing finds it in time:
# fuzz/planted.sh TARGET[-BUG] [--tests]. With --tests the ordinary tests that the patch names are run
# on the copy first: a bug that they find proves nothing.
set -euo pipefail
# shellcheck source=fuzz/run.sh
source -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/run.sh"

name=$1
of_target=${name%%-*}
patch=$fuzz_root/fuzz/planted/$name.patch
if [ ! -e "$patch" ]; then
    echo "no bug to plant for $name" >&2
    exit 2
fi
fuzz_tools
fuzz_seeds
copy=$target/fuzz-planted/tree
mkdir -p -- "$copy"
# Times are kept, so that only what differs is built again; what a patch has changed before is
# new in any case.
(cd -- "$fuzz_root" && git ls-files -z --cached --others --exclude-standard) \
    | (cd -- "$fuzz_root" && xargs -0 -r sh -c 'for file; do [ -e "$file" ] && printf "%s\0" "$file"; done' sh) \
    | tar -C "$fuzz_root" --null -T - -c | tar -C "$copy" -x
sed -n 's|^+++ b/||p' "$fuzz_root"/fuzz/planted/*.patch | (cd -- "$copy" && xargs -r touch --)
patch --quiet -d "$copy" -p1 <"$patch"

if [ "${2:-}" = --tests ]; then
    # A line of the patch says what to run: "tests: -p extant-format".
    read -r -a tests < <(sed -n 's/^tests: //p' "$patch")
    (cd -- "$copy" && CARGO_TARGET_DIR=$target/fuzz-planted/tests cargo test --quiet "${tests[@]}")
fi

folder=$target/fuzz-planted/$name
rm -rf -- "$folder"
program=$(fuzz_build "$copy" "$target/fuzz-planted/build" "$of_target")
status=0
start=$SECONDS
fuzz_run "$program" "$of_target" "$folder" "$seconds" || status=$?
took=$((SECONDS - start))
if [ "$status" = 0 ]; then
    echo "NOT FOUND in $seconds s: the bug planted for $name"
    fuzz_report "$name" "$folder" "$status"
    exit 1
fi
# It must be the planted bug: without it the same input does no harm.
program=$(fuzz_build "$fuzz_root" "$target/fuzz" "$of_target")
for input in "$folder"/artifacts/*; do
    if ! "$program" -timeout=5 "$input" >"$folder/without.log" 2>&1; then
        echo "a find that is not the planted bug: $input"
        exit 1
    fi
done
executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$folder/log")
echo "planted bug of $name found after $took s, ${executions:-?} executions:" \
    "$(grep -aoh -m 1 'panicked at .*\|ERROR: libFuzzer: .*' "$folder/log" || echo "exit $status")"
