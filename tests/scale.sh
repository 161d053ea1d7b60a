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
#   outages   1,000 outages under way, each with a probe a second, beside a bare prober
#   wide      50 beside the 10,000 pods of other targets
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
parts=("$@")
[ $# -gt 0 ] || parts=(once cap thousand kept pod killed reaper outages wide)
for part in "${parts[@]}"; do
  case $part in
    once | cap | thousand | kept | pod | killed | reaper | outages | wide) ;;
    *) echo "there is no part $part; there are once, cap, thousand, kept, pod, killed, reaper, outages and wide" >&2; exit 2 ;;
  esac
done
cleanup() {
  kubectl delete namespaces -l firedrill-scale --wait=false >/dev/null 2>&1 || true
  kubectl delete nodes -l type=kwok --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/cluster/up.sh >/dev/null
# What a call before this one left.
tests/cluster/remove.sh firedrill-scale
kubectl wait --for=delete namespaces -l firedrill-scale --timeout=300s >/dev/null
binary=$(tests/build.sh)
bare='' prober='' image=''
own=() # parts whose operator is a process of their own, on twenty nodes
asked() { [[ " ${parts[*]} " = *" $1 "* ]]; } # PART: whether it is to be measured
example() { # NAME: builds it, and prints its path
  RUSTFLAGS="-C target-feature=+crt-static" cargo build -q --release --locked --target x86_64-unknown-linux-gnu --example "$1"
  echo "target/x86_64-unknown-linux-gnu/release/examples/$1"
}
for part in "${parts[@]}"; do
  case $part in
    pod | wide) ;;
    *) own+=("$part") ;;
  esac
  case $part in
    once | thousand) bare=$(example bare) ;;
    outages)
      prober=$(example prober)
      image=registry.local/prober:$(sha256sum "$prober" | cut -c1-12)
      root=$(mktemp -d)
      install "$prober" "$root/prober"
      python3 tests/cluster/mkoci.py "$root.tar" "$image" "$root" --entrypoint '["/prober"]' --user 65532 >/dev/null
      for node in $NODES; do tests/cluster/load.sh "$node" "$root.tar"; done
      rm -rf "$root" "$root.tar"
      ;;
  esac
done
tests/cluster/kwok.sh 20
mkdir -p target/evidence
rm -f target/evidence/scale.json
measure() { # PART...
  PYTHONPATH=tests/neighbours BINARY=$binary BARE=$bare PROBER=$prober PROBER_IMAGE=$image \
    tests/cluster/shell.sh python3 -B tests/scale/scale.py "$@"
}
held=0
[ "${parts[*]}" = pod ] || tests/cluster/chart.sh # the pod's part installs it itself
[ ${#own[@]} -eq 0 ] || measure "${own[@]}" || held=1
if asked wide; then
  tests/cluster/kwok.sh 100 # nodes of 110 pods each
  measure wide || held=1
fi
if asked pod; then
  tests/cluster/operator.sh --set config.caps.concurrency=1000
  measure pod || held=1
fi
exit "$held"
