#!/bin/bash
# Every test: what needs no cluster first, then the real cluster. A cluster that cannot start fails
# the run; nothing is skipped and nothing is tried again.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
began=$SECONDS
log=$(mktemp)
operator=
beside=()
cleanup() {
  [ -z "$operator" ] || kill "$operator" 2>/dev/null || true
  for pid in "${beside[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -f "$log"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
step() { printf '\n== %s\n' "$1"; }
counted() { "$@" 2>&1 | tee -a "$log"; }

counted tests/check.sh
step "build"
cargo test --locked --features cluster-tests --no-run
firedrill=$PWD/target/debug/firedrill
step "cluster"
tests/cluster/up.sh
# The demo and the README need the release binary; it is built while tests wait for pods.
nice tests/build.sh >"$STATE/log/release.log" 2>&1 &
beside+=($!)
if kubectl get namespace firedrill-system >/dev/null 2>&1; then
  kubectl -n firedrill-system scale deployment/firedrill-operator --replicas=0 >/dev/null 2>&1 || true
fi
"$firedrill" crds | kubectl apply -f - >/dev/null
on_cluster() { # NAME THREADS
  counted tests/cluster/shell.sh env STATE="$STATE" cargo test --locked --features cluster-tests --test "$1" -- --test-threads="$2"
}
step "facts about the API server"
KUBECTL="tests/cluster/shell.sh kubectl" counted tests/cluster/shell.sh tests/cluster/api-facts.sh
step "the server and the command line agree"
on_cluster cluster_validation 1
step "runs and guards, beside one operator"
tests/cluster/shell.sh env RUST_LOG=firedrill=info "$firedrill" operator --config "$STATE/mon/firedrill.yaml" >"$STATE/log/operator.log" 2>&1 &
operator=$!
on_cluster cluster_runs 4
on_cluster cluster_guards 4
on_cluster cluster_leadup 4
on_cluster cluster_cli 6
on_cluster cluster_targets 6
on_cluster cluster_refusals 6
kill "$operator"
wait "$operator" || true
operator=
step "operators that come and go"
on_cluster cluster_operators 1

on_cluster cluster_alone 1
tests/cluster/shop.sh
on_cluster cluster_monitoring 1

step "the demo, interrupted and called again"
wait "${beside[0]}" || { cat "$STATE/log/release.log"; exit 1; }
counted tests/demo-again.sh
step "the commands of the README, while another cluster has its hard days"
tests/cluster/no-trace.sh >"$STATE/log/no-trace.log" 2>&1 &
beside+=($!)
counted tests/readme.sh
wait "${beside[1]}" || { cat "$STATE/log/no-trace.log"; exit 1; }
cat "$STATE/log/no-trace.log"

passed=$(awk '/^test result:/ {sum += $4} END {print sum + 0}' "$log")
skipped=$(awk '/^test result:/ {sum += $8} END {print sum + 0}' "$log")
printf '\n%s passed, 0 failed, %s skipped\n' "$passed" "$skipped"
printf 'retried: 0, took: %s min\n' "$(((SECONDS - began + 59) / 60))"
