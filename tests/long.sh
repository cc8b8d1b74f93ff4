#!/usr/bin/env bash
# What takes too long for every change: many seeds, many kills, overload and soak as long as DELIVERY's goals say.
# Prints each figure and ends with totals.
#
#   tests/long.sh           all of it: some three hours
#   tests/long.sh 25        a quarter of each: within an hour
#
# 50,000 seeds of the simulation; 500 kills with a journal, 250 with a small one (F1; each restart is in the
# middle of a window, F2); overload for 60 s (F15); soak for an hour (F18); every other fault once.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export CARGO_TERM_COLOR=never
share=${1:-100}
case $share in
    '' | *[!0-9]* | 0) echo "tests/long.sh [PERCENT]: a whole number above 0, not \"$share\"" >&2; exit 2 ;;
esac
part() { local n=$(($1 * share / 100)); echo $((n > 0 ? n : 1)); }
began=$SECONDS
failed=()
run() {
    local name=$1 at=$SECONDS
    shift
    printf '\n== %s\n' "$name"
    "$@" || failed+=("$name")
    printf -- '-- %s: %d s\n' "$name" $((SECONDS - at))
}
test_of() { cargo test --quiet -p longpole-tests --test "$@"; }

cargo build --workspace --bins || exit 1
run "simulation" env LONGPOLE_SIMULATION_SEEDS="$(part 50000)" cargo test --quiet -p longpole-tests --test simulation
run "kills with a journal" env LONGPOLE_KILLS="$(part 500)" cargo test --quiet -p longpole-tests --test faults_journal killed_under
run "kills with a small journal" env LONGPOLE_KILLS="$(part 250)" cargo test --quiet -p longpole-tests --test faults_journal killed_with
run "overload" env LONGPOLE_LONG=1 cargo test --quiet -p longpole-tests --test faults overload
run "soak" env LONGPOLE_SOAK_MINUTES="$(part 60)" cargo test --quiet -p longpole-tests --test faults soak
run "other faults" test_of faults -- --skip overload --skip soak
run "streams" test_of faults_redis
printf '\n== %d s, %d failed%s\n' $((SECONDS - began)) ${#failed[@]} "${failed[*]/#/: }"
[ ${#failed[@]} -eq 0 ]
