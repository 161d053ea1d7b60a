#!/bin/bash
# Attacks the operator and the reaper on the real cluster, with the chart's pods and their limits, as a neighbour does who
# may edit one namespace, or who reaches the port without its token, and prints what that cost them and another tenant.
#
# usage: neighbours.sh [TEXT...]            the attacks whose number or name contains one of these; default all
#        neighbours.sh --sample [SEED]      those that take seconds, and one of the others: for each commit another
#                                           one, for the same commit the same
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
arguments=("$@")
if [ "${1:-}" = --sample ]; then
  commit=$(git rev-parse --short=7 HEAD 2>/dev/null || echo 0)
  arguments=(--sample "${2:-$((16#$commit))}")
fi
driver=
cleanup() {
  [ -z "$driver" ] || kill "$driver" 2>/dev/null || true
  [ -z "$driver" ] || wait "$driver" || true
  [ ! -d "$STATE/mon" ] || rm -f "$STATE/mon/rules/neighbours.yml"
  kubectl delete namespaces -l firedrill-neighbours --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
tests/cluster/up.sh >/dev/null
kubectl delete namespaces -l firedrill-neighbours >/dev/null
shop=$(tests/cluster/shop.sh image)
for node in $NODES; do tests/cluster/load.sh "$node" "$shop"; done
tests/cluster/operator.sh
mkdir -p target/evidence
tests/cluster/shell.sh python3 tests/neighbours/neighbours.py target/evidence/neighbours.json "$AUDIT_LOG" "${arguments[@]}" &
driver=$!
wait "$driver"
