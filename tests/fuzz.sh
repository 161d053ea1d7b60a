#!/bin/bash
# Reads what others write, a million times: made by grammars and by mutation from one seed. Then reads matcher lists
# beside Alertmanager's own code.
#
# usage: fuzz.sh [EXECUTIONS [MATCHERS]]     default 1000000 and 20000; FUZZ_SEED and MATCHERS_SEED repeat a run
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
mkdir -p target/evidence
step "campaigns"
FUZZ_EXECUTIONS=${1:-1000000} FUZZ_EVIDENCE=$PWD/target/evidence/fuzz.json \
  cargo test --locked --profile simulation --test fuzz -- --nocapture --test-threads=1
step "matchers beside Alertmanager"
tests/cluster/build.sh matchers
MATCHERS=${2:-20000} MATCHERS_EVIDENCE=$PWD/target/evidence/matchers.json ALERTMANAGER_MATCHERS=$BIN/matchers \
  cargo test --locked --profile simulation --test matchers -- --nocapture
