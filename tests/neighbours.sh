#!/bin/bash
# Attacks the operator and the reaper on the real cluster as a neighbour does who may edit one namespace, or who
# reaches the port without its token, and prints what that cost them and another tenant.
#
# usage: neighbours.sh [TEXT...]     only the attacks whose names contain one of these; default all
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
cleanup() {
  kubectl delete namespace mallory quiet other --ignore-not-found --wait=false >/dev/null 2>&1 || true
  kubectl delete clusterrolebinding mallory-edits --ignore-not-found >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
tests/cluster/shop.sh payments
tests/cluster/operator.sh
mkdir -p target/evidence
tests/cluster/shell.sh python3 tests/neighbours/neighbours.py target/evidence/neighbours.json "$AUDIT_LOG" "$@"
