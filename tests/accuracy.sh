#!/bin/bash
# Compares what runs report with the truth, on the real cluster, at random phases.
#
# usage: accuracy.sh [RUNS] [SEED]     default 20 runs, a new seed
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
runs=${1:-20}
seed=${2:-$RANDOM}
cleanup() {
  pkill -f "operator --config $STATE/mon/accuracy.yaml" 2>/dev/null || true
  rm -f "$STATE/mon/rules/accuracy.yml" "$STATE/mon/accuracy.yaml"
  kubectl delete namespace accuracy --ignore-not-found --wait=false >/dev/null 2>&1 || true
  tests/cluster/monitoring.sh reload >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
tests/cluster/shop.sh
binary=$(tests/build.sh)
"$binary" crds | kubectl apply -f - >/dev/null
kubectl -n firedrill-system scale deployment/firedrill-operator --replicas=0 >/dev/null 2>&1 || true
kubectl delete namespace accuracy --ignore-not-found >/dev/null
# Grouping waits five seconds, so that a receipt is far from the firing.
GROUP_WAIT=5s WEBHOOK=http://127.0.0.1:9482/v1/alertmanager tests/cluster/monitoring.sh reload
tests/cluster/shell.sh python3 tests/accuracy/accuracy.py "$runs" "$seed" "$binary" "$AUDIT_LOG" "$STATE/mon"
