#!/bin/bash
# Kills the operator at each of its writes on the real cluster and judges what becomes of the run.
#
# usage: matrix.sh [--sample [SEED]]     everything, or random cases for a few minutes
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
arguments=(--binary "$PWD/target/debug/firedrill" --folder "$STATE/log/matrix" --evidence "$PWD/target/evidence/matrix.json")
if [ "${1:-}" = --sample ]; then
  arguments+=(--sample 120 --seed "${2:-$RANDOM}")
fi
driver=
cleanup() {
  [ -z "$driver" ] || kill "$driver" 2>/dev/null || true
  wait
  # A driver that was killed leaves its operators behind.
  pkill -f "operator --config $STATE/log/matrix/firedrill.yaml" 2>/dev/null || true
  # A run whose operator was killed for good would hold its namespace.
  kubectl get experimentruns -A -o jsonpath='{range .items[?(@.spec.experiment=="matrix")]}{.metadata.namespace}{"\n"}{end}' 2>/dev/null |
    while read -r namespace; do
      kubectl -n "$namespace" patch experimentrun matrix-run --type merge -p '{"metadata":{"finalizers":null}}' >/dev/null 2>&1 || true
    done
  kubectl delete namespaces -l firedrill-matrix --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
tests/cluster/up.sh >/dev/null
cargo build -q --locked --features cluster-tests --bin firedrill --example matrix
tests/cluster/chart.sh
mkdir -p target/evidence
tests/cluster/shell.sh target/debug/examples/matrix "${arguments[@]}" &
driver=$!
wait "$driver"
