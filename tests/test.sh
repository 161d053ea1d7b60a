#!/bin/bash
# Every test: what needs no cluster first, then the real cluster. A cluster that cannot start fails
# the run; nothing is skipped, and nothing is tried again but a case of the matrix in which the moment
# that it is about did not come.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
began=$SECONDS
log=$(mktemp)
declare -A beside # what runs beside the tests: by name, the group of processes
cleanup() {
  for group in "${beside[@]}"; do kill -- "-$group" 2>/dev/null || true; done
  wait
  rm -f "$log"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
beside() { # NAME COMMAND...
  setsid "${@:2}" >"$STATE/log/$1.log" 2>&1 &
  beside[$1]=$!
}
finished() { # NAME: waits for it
  wait "${beside[$1]}" || { cat "$STATE/log/$1.log"; exit 1; }
  unset "beside[$1]"
}
stopped() { # NAME...
  for name in "$@"; do
    kill -- "-${beside[$name]}"
    wait "${beside[$name]}" || true
    unset "beside[$name]"
  done
}
counted() { "$@" 2>&1 | tee -a "$log"; }

# The demo and the README need the release binary; it is built while tests wait. A session of its own
# gives way as a whole by its autogroup only.
mkdir -p "$STATE/log"
beside release sh -c 'echo 8 >/proc/self/autogroup 2>/dev/null; exec nice tests/build.sh'
counted tests/check.sh
step "build"
cargo test --locked --no-run --test on_cluster
firedrill=$PWD/target/debug/firedrill
step "cluster"
tests/cluster/up.sh
tests/cluster/chart.sh
on_cluster() { # SUITE THREADS
  counted tests/cluster/shell.sh env STATE="$STATE" cargo test --locked --test on_cluster -- "$1::" --test-threads="$2"
}
step "facts about the API server"
KUBECTL="tests/cluster/shell.sh kubectl" counted tests/cluster/shell.sh tests/cluster/api-facts.sh
step "the server and the command line agree"
on_cluster validation 1
step "the contract of every fault, where no reaper ends it"
on_cluster contract 1
step "runs and guards, beside one operator and one reaper"
beside operator tests/cluster/shell.sh env RUST_LOG=firedrill=info "$firedrill" operator \
  --kubeconfig "$STATE/pki/firedrill-operator.kubeconfig" --config "$STATE/mon/firedrill.yaml"
beside reaper tests/cluster/shell.sh env RUST_LOG=firedrill=info "$firedrill" reaper \
  --kubeconfig "$STATE/pki/firedrill-reaper.kubeconfig" --lease-namespace firedrill-reaper
on_cluster runs 4
on_cluster guards 4
on_cluster aborts 4
on_cluster faults 2
on_cluster leadup 4
on_cluster cli 6
on_cluster targets 6
on_cluster refusals 6
stopped operator reaper
# What is timed from here on has the machine to itself.
finished release
step "operators that come and go"
on_cluster operators 1
on_cluster reaper 1
on_cluster alone 1
step "who may do what"
on_cluster tenancy 4
step "an operator that is killed at its writes, a sample"
counted tests/matrix.sh --sample
step "monitoring that comes and goes"
tests/cluster/shop.sh
on_cluster monitoring 1

step "the demo, interrupted and called again"
counted tests/demo-again.sh
step "every right is used, and no call lacks one, by the audit log of all suites"
counted tests/cluster/shell.sh python3 tests/cluster/rights.py "$AUDIT_LOG"
step "the commands of the README, while another cluster has its hard days"
beside no-trace tests/cluster/no-trace.sh
counted tests/readme.sh
finished no-trace
cat "$STATE/log/no-trace.log"

# Suites are chosen by name, so each of their results says how many others were filtered out.
ran=$(awk '/^test result:/ && $12 > 0 {sum += $4} END {print sum + 0}' "$log")
listed=$(cargo test -q --locked --test on_cluster -- --list | grep -c ': test$')
[ "$ran" = "$listed" ] || { echo "of $listed tests on the cluster $ran ran" >&2; exit 1; }
passed=$(awk '/^test result:/ {sum += $4} END {print sum + 0}' "$log")
skipped=$(awk '/^test result:/ {sum += $8} END {print sum + 0}' "$log")
printf '\n%s passed, 0 failed, %s skipped\n' "$passed" "$skipped"
printf 'retried: %s, took: %s min\n' "$(grep -c 'begun anew' "$log" || true)" "$(((SECONDS - began + 59) / 60))"
