#!/bin/bash
# Starts many runs at once on simulated nodes, and prints when each broke something and what that cost the operator,
# beside the bare chain of the same API calls.
#
# usage: scale.sh [PART...]     once: 10, 50, 100 and 200 at once in one namespace; cap: 200 of which 20 may be under
#                               way; thousand: 1,000 over ten namespaces; killed: 200 of an operator that is killed
#                               twenty times; reaper: 1,000 faults that nobody but the reaper ends; default: all
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
parts=("$@")
[ $# -gt 0 ] || parts=(once cap thousand killed reaper)
for part in "${parts[@]}"; do
  case $part in
    once | cap | thousand | killed | reaper) ;;
    *) echo "there is no part $part; there are once, cap, thousand, killed and reaper" >&2; exit 2 ;;
  esac
done
cleanup() {
  kubectl delete namespaces -l firedrill-scale --wait=false >/dev/null 2>&1 || true
  kubectl delete nodes -l type=kwok --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
binary=$(tests/build.sh)
RUSTFLAGS="-C target-feature=+crt-static" cargo build -q --release --locked --target x86_64-unknown-linux-gnu --example bare
bare=target/x86_64-unknown-linux-gnu/release/examples/bare
tests/cluster/chart.sh
tests/cluster/kwok.sh 20
mkdir -p target/evidence
tests/cluster/shell.sh python3 tests/scale/scale.py "$AUDIT_LOG" "$binary" "$bare" "$STATE/log/scale.log" "${parts[@]}"
