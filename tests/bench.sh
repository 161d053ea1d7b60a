#!/bin/bash
# Prints how fast and how small the operator is, beside the bare chain of the same API calls.
#
# usage: bench.sh [RUNS]     default 100
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
count=${1:-100}
cleanup() {
  kubectl delete namespace bench-operator bench-bare --ignore-not-found --wait=false >/dev/null 2>&1 || true
  rm -f "${config:-}"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
binary=$(tests/build.sh)
RUSTFLAGS="-C target-feature=+crt-static" cargo build -q --release --locked --target x86_64-unknown-linux-gnu --example bare
bare=target/x86_64-unknown-linux-gnu/release/examples/bare
tests/cluster/chart.sh
kubectl delete namespace bench-operator bench-bare --ignore-not-found >/dev/null
config=$(mktemp)
echo '{caps: {concurrency: 1000}, keepRuns: 1000}' >"$config"
image=$(tests/cluster/image.sh)
tests/cluster/shell.sh python3 tests/bench/measure.py "$count" "$AUDIT_LOG" "$binary" "$bare" "$image" "$config" "$STATE/log/bench.log"
