#!/bin/bash
# Starts many runs at once on simulated nodes, and prints when each broke something and what that cost the operator,
# beside the bare chain of the same API calls.
#
# usage: scale.sh [RUNS...]     how many at once, one row each; default 10 50 100 200
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
counts=("${@:-10 50 100 200}")
cleanup() {
  kubectl delete namespaces -l firedrill-scale --wait=false >/dev/null 2>&1 || true
  kubectl delete nodes -l type=kwok --wait=false >/dev/null 2>&1 || true
  rm -f "${config:-}"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
binary=$(tests/build.sh)
RUSTFLAGS="-C target-feature=+crt-static" cargo build -q --release --locked --target x86_64-unknown-linux-gnu --example bare
bare=target/x86_64-unknown-linux-gnu/release/examples/bare
tests/cluster/chart.sh
tests/cluster/kwok.sh 20
config=$(mktemp)
echo "{caps: {concurrency: ${CONCURRENCY:-1000}}, keepRuns: 1000}" >"$config"
mkdir -p target/evidence
# shellcheck disable=SC2068 # the default is several words
tests/cluster/shell.sh python3 tests/scale/scale.py "$AUDIT_LOG" "$binary" "$bare" "$config" "$STATE/log/scale.log" ${counts[@]}
