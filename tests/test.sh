#!/bin/bash
# Every test: what needs no cluster first, then the real cluster. A cluster that cannot start fails
# the run; nothing is skipped and nothing is tried again.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
began=$SECONDS
log=$(mktemp)
operator=
cleanup() {
  [ -z "$operator" ] || kill "$operator" 2>/dev/null || true
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
tests/cluster/chart.sh
on_cluster() { # NAME THREADS
  counted tests/cluster/shell.sh env STATE="$STATE" cargo test --locked --features cluster-tests --test "$1" -- --test-threads="$2"
}
step "facts about the API server"
KUBECTL="tests/cluster/shell.sh kubectl" counted tests/cluster/shell.sh tests/cluster/api-facts.sh
step "the server and the command line agree"
on_cluster cluster_validation 1
step "runs and guards, beside one operator"
tests/cluster/shell.sh env RUST_LOG=firedrill=info "$firedrill" operator --kubeconfig "$STATE/pki/firedrill-operator.kubeconfig" --config "$STATE/mon/firedrill.yaml" >"$STATE/log/operator.log" 2>&1 &
operator=$!
on_cluster cluster_runs 4
on_cluster cluster_guards 4
on_cluster cluster_leadup 4
kill "$operator"
wait "$operator" || true
operator=
step "operators that come and go"
on_cluster cluster_operators 1
step "who may do what"
on_cluster cluster_tenancy 4
step "an operator that is killed at its writes, a sample"
counted tests/matrix.sh --sample

step "no trace of a cluster that is removed"
counted tests/cluster/no-trace.sh

passed=$(awk '/^test result:/ {sum += $4} END {print sum + 0}' "$log")
skipped=$(awk '/^test result:/ {sum += $8} END {print sum + 0}' "$log")
printf '\n%s passed, 0 failed, %s skipped\n' "$passed" "$skipped"
printf 'retried: 0, took: %s min\n' "$(((SECONDS - began + 59) / 60))"
