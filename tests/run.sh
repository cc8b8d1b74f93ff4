#!/usr/bin/env bash
# The whole check: format, lints, docs, tests, dependencies. Prints its timings and ends with totals.
#
#   tests/run.sh          everything
#
# Needs cargo (rust-toolchain.toml names the version) and a C compiler; installs what is missing from
# Debian where it may. Recordings beside the checkout (../shared/data) are used when they are there.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0

say() { printf '\n== %s\n' "$*"; }
began=$SECONDS
failed=0
step() {
    local name=$1 at=$SECONDS
    shift
    say "$name"
    if "$@"; then
        printf -- '-- %s: ok, %d s\n' "$name" $((SECONDS - at))
    else
        printf -- '-- %s: FAILED, %d s\n' "$name" $((SECONDS - at))
        failed=$((failed + 1))
    fi
}

# A C compiler and make (zstd and jemalloc are C) and Python (the scorers of recordings).
missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v make >/dev/null || missing+=(make)
command -v python3 >/dev/null || missing+=(python3-minimal)
if [ ${#missing[@]} -gt 0 ]; then
    say "installing from Debian: ${missing[*]}"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" || {
        echo "cannot install ${missing[*]}: install them by hand and run this again"
        exit 1
    }
fi

# Programs of others that tests talk to. Without them those tests are skipped, and say so.
foreign="${CARGO_TARGET_DIR:-target}/foreign"
# install NAME PINS COMMAND...: once for each state of the file that pins the versions.
install() {
    local to="$foreign/$1" pins=$2
    shift 2
    if cmp -s "$pins" "$to/complete"; then return 0; fi
    mkdir -p "$to" && rm -f "$to/complete" && "$@" "$to" "$pins" && cp "$pins" "$to/complete"
}
python_sdk() { python3 -m venv "$1" && "$1/bin/pip" install --quiet --requirement "$2"; }
node_sdk() { cp "$2" "$1/package.json" && npm install --prefix "$1" --no-audit --no-fund --loglevel=error; }
debian() { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"; }
sdks() {
    local missing=()
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    command -v node >/dev/null || missing+=(nodejs)
    command -v npm >/dev/null || missing+=(npm)
    if [ ${#missing[@]} -gt 0 ]; then debian "${missing[@]}" || return 1; fi
    install python tests/foreign/python/requirements.txt python_sdk &&
        install node tests/foreign/node/package.json node_sdk
}
say "SDKs of other languages, Prometheus, Redis, faketime"
if sdks; then
    export LONGPOLE_REQUIRE_FOREIGN=1
else
    echo "!! the SDKs of other languages cannot be installed: tests/tests/foreign_sdks.rs is SKIPPED"
fi
if command -v prometheus >/dev/null || debian prometheus; then
    export LONGPOLE_REQUIRE_PROMETHEUS=1
else
    echo "!! Prometheus cannot be installed: tests/tests/prometheus_scrape.rs is SKIPPED"
fi
if command -v redis-server >/dev/null || debian redis-server; then
    export LONGPOLE_REQUIRE_REDIS=1
else
    echo "!! redis-server cannot be installed: all tests of Redis Streams are SKIPPED"
fi

if compgen -G '/usr/lib/*/faketime/libfaketimeMT.so.1' >/dev/null || debian faketime; then
    export LONGPOLE_REQUIRE_FAKETIME=1
else
    echo "!! faketime cannot be installed: clocks that jump under a real process are SKIPPED"
fi

# Binaries and tests at once: built apart, half of the dependencies are built twice, since the tests ask more
# features of them.
step "binaries and tests" cargo build --workspace --bins --tests
step "format" cargo fmt --all --check
step "lints" cargo clippy --workspace --all-targets -- -D warnings
step "docs" env RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --quiet

log=$(mktemp)
trap 'rm -f "$log"' EXIT
tests() { cargo test --workspace --no-fail-fast 2>&1 | tee "$log"; }
step "tests" tests

# Exact counts of the SDK's hot path beside another recorder's, by valgrind's callgrind.
if command -v valgrind >/dev/null || debian valgrind; then
    step "SDK: instructions, allocations, system calls" \
        cargo bench --quiet -p longpole-sdk --bench spans -- gate
else
    echo "!! valgrind cannot be installed: the gate on the SDK's instructions is SKIPPED"
fi

deny() {
    # Licences, bans and sources need no network; advisories need a database that may be out of reach.
    cargo deny check licenses bans sources || return 1
    cargo deny check advisories || {
        echo "!! advisories NOT checked: their database could not be reached, or it names one (see above)"
    }
}
if command -v cargo-deny >/dev/null; then
    step "cargo-deny" deny
else
    say "cargo-deny is not installed: SKIPPED (cargo install cargo-deny). Licences and doubled"
    echo "   dependencies are held by tests/tests/supply.rs all the same; advisories are not."
fi

sum() { awk -v what="$1" '/^test result:/ { for (i = 1; i < NF; i++) if ($(i + 1) ~ "^" what) n += $i } END { print n + 0 }' "$log"; }
passed=$(sum passed)
broken=$(sum failed)
ignored=$(sum ignored)
say "total: $((SECONDS - began)) s, $failed steps failed"
if [ "$failed" -gt 0 ] && [ "$broken" -eq 0 ]; then
    broken=$failed
fi
printf '%d passed, %d failed, %d skipped\n' "$passed" "$broken" "$ignored"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
