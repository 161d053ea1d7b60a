#!/bin/bash
# Compares what runs report with the truth, on the real cluster, at random phases. The operator is a
# pod with its own rights, as people run it.
#
# usage: accuracy.sh [RUNS] [SEED]     default 20 runs, a new seed
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
runs=${1:-20}
seed=${2:-$RANDOM}
cleanup() {
  rm -f "$STATE/mon/rules/accuracy.yml"
  # A run that was broken off needs its operator to end.
  kubectl delete namespace accuracy --ignore-not-found --timeout=60s >/dev/null 2>&1 || true
  # Its configuration was changed for each run; who comes next installs it anew.
  kubectl -n firedrill-system delete deployment/firedrill-operator --ignore-not-found >/dev/null 2>&1 || true
  tests/cluster/monitoring.sh reload >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
tests/cluster/shop.sh
kubectl delete namespace accuracy --ignore-not-found >/dev/null
tests/cluster/operator.sh
# Grouping waits five seconds, so that a receipt is far from the firing.
GROUP_WAIT=5s tests/cluster/monitoring.sh reload
sockets=()
for node in $NODES; do sockets+=("$STATE/$node/containerd.sock"); done
tests/cluster/shell.sh python3 tests/accuracy/accuracy.py "$runs" "$seed" "$AUDIT_LOG" "$STATE/mon" "${sockets[@]}"
