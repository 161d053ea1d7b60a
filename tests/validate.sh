#!/bin/bash
# Compares `firedrill validate` with the API server on files that are generated from the schemas of the CRDs.
#
# usage: validate.sh [FILES [SEED]]     default 5000, and a seed of the clock, which is printed
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
tests/cluster/up.sh >/dev/null
tests/cluster/chart.sh
mkdir -p target/evidence
export FIREDRILL_FILES=${1:-5000} FIREDRILL_SEED=${2:-$(date +%s)} FIREDRILL_EVIDENCE=$PWD/target/evidence/validate.json
cargo test -q --locked --test on_cluster --no-run
tests/cluster/shell.sh cargo test -q --locked --test on_cluster -- validation:: --nocapture --test-threads=1
