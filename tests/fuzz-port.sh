#!/bin/bash
# Sends requests of every shape to the port of the operator as the chart installs it, while runs are under way.
#
# usage: fuzz-port.sh [REQUESTS [SEED]]     default 100000, and another seed each time
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
cleanup() { kubectl delete namespaces -l firedrill-neighbours --wait=false >/dev/null 2>&1 || true; }
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
kubectl delete namespaces -l firedrill-neighbours >/dev/null
tests/cluster/operator.sh
mkdir -p target/evidence
PYTHONPATH=tests/neighbours tests/cluster/shell.sh python3 tests/fuzz/fuzz_port.py target/evidence/fuzz-port.json "${1:-100000}" "${2:-$RANDOM$RANDOM}"
