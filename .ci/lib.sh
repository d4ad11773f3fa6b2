# Helpers of `.ci/run` and the scripts beside it: the table of steps, packages, servers that must stop.
# To be sourced by bash, in the root of the checkout.
# shellcheck shell=bash

command -v cargo >/dev/null || PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$HOME/.cargo/bin:$PATH"
export CARGO_TERM_COLOR=never RUST_BACKTRACE=1
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0 # nobody will build here again
SCRATCH="$PWD/target/ci"
VENV="$SCRATCH/venv"
mkdir -p "$SCRATCH"

# Runs each step in a shell of its own, so that what it starts and exports ends with it.
run_steps() {
    local name began took result failed=() summary="" all=$SECONDS
    for name in "$@"; do
        declare -F "step_$name" >/dev/null || { echo "no step named $name; see .ci/run --list"; exit 2; }
    done
    for name in "$@"; do
        printf '\n=== %s\n' "$name"
        began=$SECONDS result=ok
        # Not as a condition: bash would forget `-e` inside.
        set +e
        (set -euo pipefail; trap stop_all EXIT; "step_$name")
        # shellcheck disable=SC2181
        [ $? -eq 0 ] || { result=FAILED; failed+=("$name"); }
        set -e
        took=$((SECONDS - began))
        printf -- '--- %s: %s, %d s\n' "$name" "$result" "$took"
        summary+=$(printf '%-14s %-7s %5d s' "$name" "$result" "$took")$'\n'
    done
    printf '\n%s' "$summary"
    all=$((SECONDS - all))
    if [ ${#failed[@]} -eq 0 ]; then
        printf 'passed: all %d steps in %d min %d s\n' $# $((all / 60)) $((all % 60))
    else
        printf 'FAILED: %s (%d of %d steps) in %d min %d s\n' "${failed[*]}" ${#failed[@]} $# $((all / 60)) $((all % 60))
        exit 1
    fi
}

# need PATH PACKAGE: installs a Debian package unless PATH exists.
need() {
    [ -e "$1" ] && return
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: $1 (Debian's package $2)"
        return 1
    fi
    if [ ! -e "$SCRATCH/apt-updated" ]; then
        apt-get update -qq
        touch "$SCRATCH/apt-updated"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

# python_venv PACKAGE...: a Python with these, at $VENV.
python_venv() {
    need "$(command -v python3 || echo /usr/bin/python3)" python3
    python3 -c 'import ensurepip' 2>/dev/null || need /usr/share/doc/python3-venv python3-venv
    [ -x "$VENV/bin/python" ] || python3 -m venv "$VENV"
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

# Processes we have started; stopped when the step ends, however it ends.
STARTED=()
MONGODS=()
stop_all() {
    local pid port
    for pid in "${STARTED[@]}"; do kill "$pid" 2>/dev/null || true; done
    for port in "${MONGODS[@]}"; do tests/mongod.sh stop "$port" >/dev/null 2>&1 || true; done
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# with_mongod HOW COMMAND...: runs it with SQUALL_MONGODB_URI naming a fresh mongod.
with_mongod() {
    local how=$1 port uri
    shift
    need "$(command -v python3 || echo /usr/bin/python3)" python3
    port=$(free_port)
    MONGODS+=("$port")
    uri=$(tests/mongod.sh "$how" "$port")
    echo "mongod: $how"
    SQUALL_MONGODB_URI=$uri "$@"
    tests/mongod.sh stop "$port" >/dev/null
}

# start LOG COMMAND...: in the background, with its output in LOG; the process id is in $PID.
start() {
    local log=$1
    shift
    : >"$log"
    "$@" >"$log" 2>&1 &
    PID=$!
    STARTED+=("$PID")
}

# await SECONDS COMMAND...: until the command succeeds or the time is over.
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

running() { kill -0 "$1" 2>/dev/null; }
ended() { ! running "$1"; }

# The first address a program has printed, as 127.0.0.1:PORT.
address_in() { grep -oE '127\.0\.0\.1:[0-9]+' "$1" | head -n 1; }
speaks() { [ -n "$(address_in "$1")" ]; }

# stop PID: asks it to end; fails if it does not within five seconds, or complains. (Not SIGINT: bash
# makes background processes deaf to it.)
stop() {
    local status=0
    kill -TERM "$1" 2>/dev/null || true
    await 5 ended "$1" || { echo "does not stop when asked"; return 1; }
    wait "$1" || status=$?
    case $status in 0 | 143) ;; *) echo "ended with status $status"; return 1 ;; esac
}
