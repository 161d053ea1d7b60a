#!/bin/bash
# Runs every fault that changes fields, in every variant on every kind, beside one operator and one reaper.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
cargo test -q --locked --test on_cluster --no-run
tests/cluster/chart.sh
tests() { # NAME
  tests/cluster/shell.sh env STATE="$STATE" cargo test -q --locked --test on_cluster -- "$1::" --nocapture --test-threads=2
}
tests contract
for part in "operator --config $STATE/mon/firedrill.yaml" "reaper --lease-namespace firedrill-reaper"; do
  # shellcheck disable=SC2086 # the part is a verb with its flags
  tests/cluster/shell.sh target/debug/firedrill --kubeconfig "$STATE/pki/firedrill-${part%% *}.kubeconfig" $part \
    2>"$STATE/log/faults-${part%% *}.log" &
  pids+=($!)
done
tests faults
