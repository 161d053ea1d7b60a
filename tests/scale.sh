#!/bin/bash
# Starts many runs at once on simulated nodes, and prints when each broke something and what that cost the operator,
# beside the bare chain of the same API calls.
#
# usage: scale.sh [PART...]     default: all of them
#   once      10, 50, 100 and 200 at once in one namespace
#   cap       200 of which 20 may be under way
#   thousand  1,000 over ten namespaces
#   kept      what 10,000 experiments and runs that are over cost an operator at rest, and the runs beside them
#   pod       200 of the chart's pod with its limits
#   killed    200 of an operator that is killed twenty times, alone and beside another
#   reaper    1,000 faults that nobody but the reaper ends
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
parts=("$@")
[ $# -gt 0 ] || parts=(once cap thousand kept pod killed reaper)
for part in "${parts[@]}"; do
  case $part in
    once | cap | thousand | kept | pod | killed | reaper) ;;
    *) echo "there is no part $part; there are once, cap, thousand, kept, pod, killed and reaper" >&2; exit 2 ;;
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
bare=
own=() # parts whose operator is a process of their own
for part in "${parts[@]}"; do
  [ "$part" = pod ] || own+=("$part")
  case $part in
    once | thousand)
      RUSTFLAGS="-C target-feature=+crt-static" cargo build -q --release --locked --target x86_64-unknown-linux-gnu --example bare
      bare=target/x86_64-unknown-linux-gnu/release/examples/bare
      ;;
  esac
done
tests/cluster/kwok.sh 20
mkdir -p target/evidence
rm -f target/evidence/scale.json
measure() { # PART...
  PYTHONPATH=tests/neighbours tests/cluster/shell.sh python3 tests/scale/scale.py "$AUDIT_LOG" "$binary" "$bare" "$STATE/log/scale.log" "$@"
}
held=0
if [ ${#own[@]} -gt 0 ]; then
  tests/cluster/chart.sh
  measure "${own[@]}" || held=1
fi
if [ ${#own[@]} -lt ${#parts[@]} ]; then
  tests/cluster/operator.sh --set config.caps.concurrency=1000
  measure pod || held=1
fi
exit "$held"
