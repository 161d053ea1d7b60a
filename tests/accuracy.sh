#!/bin/bash
# Compares what runs report with the truth, on the real cluster, at random phases. The operator is a
# pod with its own rights, as people run it. What each run said and was is in target/evidence/accuracy.
#
# usage: accuracy.sh [RUNS] [SEED] [SCENARIO,...]     default 36 runs, a new seed, every scenario
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
runs=${1:-36}
seed=${2:-$RANDOM}
scenarios=${3:-}
cleanup() {
  rm -f "$STATE/mon/rules/accuracy.yml"
  # A run that was broken off needs its operator to end.
  kubectl -n firedrill-system scale deployment/firedrill-operator --replicas=1 >/dev/null 2>&1 || true
  kubectl delete namespace accuracy --ignore-not-found --timeout=60s >/dev/null 2>&1 || true
  # Its configuration was changed for some runs; who comes next installs it anew.
  kubectl -n firedrill-system delete deployment/firedrill-operator --ignore-not-found >/dev/null 2>&1 || true
  tests/cluster/monitoring.sh reload >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
tests/cluster/shop.sh payments
kubectl delete namespace accuracy --ignore-not-found >/dev/null
tests/cluster/operator.sh
# Grouping waits five seconds, so that a receipt is far from the firing.
GROUP_WAIT=5s tests/cluster/monitoring.sh reload
rm -rf target/evidence/accuracy
sockets=()
for node in $NODES; do sockets+=("$STATE/$node/containerd.sock"); done
tests/cluster/shell.sh python3 tests/accuracy/accuracy.py "$runs" "$seed" "$scenarios" "$AUDIT_LOG" "$STATE/mon" "${sockets[@]}"
