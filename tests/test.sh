#!/bin/bash
# Every test: what needs no cluster first, then the real cluster. A cluster that cannot start fails
# the run; nothing is skipped, and nothing is tried again but a case of the matrix in which the moment
# that it is about did not come.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
began=$SECONDS
log=$(mktemp)
FIREDRILL_TOOK=$(mktemp) # not exported: the scripts that are called keep no summary of their own
declare -A beside # what runs beside the tests: by name, the group of processes
gives_way=()      # names of those that the tests go before
logs=target/log   # of what runs beside them; bringing the cluster up removes those of one that was killed
cleanup() {
  for group in "${beside[@]}"; do
    kill -- "-$group" 2>/dev/null || true
    kill -CONT -- "-$group" 2>/dev/null || true
  done
  wait
  rm -f "$log" "$FIREDRILL_TOOK"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
beside() { # NAME COMMAND...
  setsid "${@:2}" >"$logs/$1.log" 2>&1 &
  beside[$1]=$!
}
# A session of its own gives way as a whole by its autogroup only.
yielding() { # NAME NICENESS COMMAND...: with what the tests leave of the processors
  gives_way+=("$1")
  beside "$1" sh -c 'echo "$1" 2>/dev/null >/proc/self/autogroup; exec nice -n "$@"' sh "${@:2}"
}
finished() { # NAME: waits for it and shows what it says
  local code=0
  part "waiting for $1" tail -n +1 -f --pid="${beside[$1]}" "$logs/$1.log"
  wait "${beside[$1]}" || code=$?
  unset "beside[$1]"
  [ $code = 0 ] || { echo "$1 failed" >&2; exit 1; }
}
stopped() { # NAME...
  for name in "$@"; do
    kill -- "-${beside[$name]}"
    wait "${beside[$name]}" || true
    unset "beside[$name]"
  done
}
part() { # NAME COMMAND...: whose results are counted and whose time is noted
  local name=$1 from=$SECONDS
  "${@:2}" 2>&1 | tee -a "$log"
  took "$name" $((SECONDS - from))
}

tests/cluster/preflight.sh
tests/cluster/packages.sh
part "refusals" tests/cluster/refusals.sh
mkdir -p "$logs"
yielding release 15 tests/build.sh # what the demo waits for goes before what is awaited last
yielding licences-and-simulation 19 sh -c 'tests/dependencies.sh && tests/simulation.sh'
beside programs sh -c 'tests/cluster/build.sh && tests/cluster/build.sh helm matchers'
part "what needs no cluster" tests/check.sh
step "build"
# Its path, as cargo would wait for what else is being built.
on_cluster=$(cargo test --locked --no-run --test on_cluster --message-format=json-render-diagnostics |
  python3 -c 'import json, sys
lines = map(json.loads, sys.stdin)
print(*(line["executable"] for line in lines if line.get("executable") and line["target"]["name"] == "on_cluster"))')
firedrill=$PWD/target/debug/firedrill
step "cluster"
finished programs
part "matchers beside Alertmanager" env ALERTMANAGER_MATCHERS="$BIN/matchers" \
  cargo test --locked --test matchers -- --nocapture
part "cluster" tests/cluster/up.sh
part "chart" tests/cluster/chart.sh
on_cluster() { # SUITE THREADS
  part "suite $1" tests/cluster/shell.sh env STATE="$STATE" "$on_cluster" "$1::" --test-threads="$2"
}
signal() { # SIGNAL: to what gives way and is not finished
  local name
  for name in "${gives_way[@]}"; do
    [ -z "${beside[$name]:-}" ] || kill "-$1" -- "-${beside[$name]}" 2>/dev/null || true
  done
}
# What promises a time has the machine to itself.
undisturbed() { # COMMAND...
  signal STOP
  "$@"
  signal CONT
}
step "facts about the API server"
KUBECTL="tests/cluster/shell.sh kubectl" part "facts" tests/cluster/shell.sh tests/cluster/api-facts.sh
step "the server and the command line agree"
on_cluster validation 1
step "the contract of every fault, where no reaper ends it"
on_cluster contract 1
step "runs and guards, beside one operator and one reaper"
beside operator tests/cluster/shell.sh env RUST_LOG=firedrill=info "$firedrill" operator \
  --kubeconfig "$STATE/pki/firedrill-operator.kubeconfig" --config "$STATE/mon/firedrill.yaml"
beside reaper tests/cluster/shell.sh env RUST_LOG=firedrill=info "$firedrill" reaper \
  --kubeconfig "$STATE/pki/firedrill-reaper.kubeconfig" --lease-namespace firedrill-reaper
undisturbed on_cluster runs 6
on_cluster guards 6
on_cluster aborts 6
undisturbed on_cluster faults 3
on_cluster leadup 4
on_cluster cli 6
on_cluster targets 6
on_cluster gamedays 6
on_cluster debriefs 6
undisturbed on_cluster refusals 6
stopped operator reaper
step "operators that come and go"
on_cluster operators 4
undisturbed on_cluster lever 1
on_cluster reaper 3
on_cluster garbage 1
on_cluster alone 5
step "who may do what"
on_cluster tenancy 4
step "an operator that is killed at its writes, a sample"
part "matrix, a sample" tests/matrix.sh --sample
part "game days, a sample" tests/gamedays.sh --sample
step "monitoring that comes and goes, while the commands of the README run on another cluster"
finished release
beside readme tests/readme.sh
part "shop" tests/cluster/shop.sh
on_cluster monitoring 1
finished readme
step "the demo, interrupted and called again"
undisturbed part "demo, again" tests/demo-again.sh
step "a hostile neighbour, a sample"
undisturbed part "neighbours, a sample" tests/neighbours.sh --sample
step "200 runs at once, of the chart's pod with its limits"
undisturbed part "200 at once" tests/scale.sh pod
step "the hard days of another cluster"
part "no trace" tests/cluster/no-trace.sh
step "every right is used, and no call lacks one, by the audit log of all suites"
part "rights" tests/cluster/shell.sh python3 tests/cluster/rights.py "$AUDIT_LOG"
finished licences-and-simulation

# Suites are chosen by name, so each of their results says how many others were filtered out.
ran=$(awk '/^test result:/ && $12 > 0 {sum += $4} END {print sum + 0}' "$log")
listed=$("$on_cluster" --list | grep -c ': test$')
[ "$ran" = "$listed" ] || { echo "of $listed tests on the cluster $ran ran" >&2; exit 1; }
passed=$(awk '/^test result:/ {sum += $4} END {print sum + 0}' "$log")
skipped=$(awk '/^test result:/ {sum += $8} END {print sum + 0}' "$log")
printf '\nThe ten slowest parts:\n'
sort -t$'\t' -k2,2nr "$FIREDRILL_TOOK" | head -10 | awk -F'\t' '{printf "%5d s  %s\n", $2, $1}'
printf '\n%s passed, 0 failed, %s skipped\n' "$passed" "$skipped"
printf 'retried: %s, took: %s min\n' "$(grep -c 'begun anew' "$log" || true)" "$(((SECONDS - began + 59) / 60))"
