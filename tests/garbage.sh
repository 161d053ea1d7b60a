#!/bin/bash
# Writes garbage with an administrator's rights into the status of runs and into marks, before operator and reaper start
# and while they run, and prints how many ended with nothing harmed.
#
# usage: garbage.sh [RUNS [SEED]]    400 runs and half as many objects by default, from a seed that is printed
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
mkdir -p target/evidence
tests/cluster/up.sh >/dev/null
cargo test -q --locked --test on_cluster --no-run
tests/cluster/chart.sh
tests/cluster/shell.sh env STATE="$STATE" GARBAGE="${1:-400}" ${2:+GARBAGE_SEED="$2"} GARBAGE_EVIDENCE="$PWD/target/evidence/garbage.json" \
  cargo test -q --locked --test on_cluster -- garbage:: --nocapture --test-threads=1
