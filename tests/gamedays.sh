#!/bin/bash
# Game days on the real cluster: disturbed at each of their writes, on the demo shop with every gate closed once, twenty at
# once, and what a thousand plans cost that fire far in the future.
#
# usage: gamedays.sh [PART...]           disturbed, shop, many, bench; default all of them
#        gamedays.sh --sample [SEED]     some of the disturbances, for a minute: for each commit other ones, for the
#                                        same commit the same
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
if [ "${1:-}" = --sample ]; then exec tests/matrix.sh --days "$@"; fi
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(disturbed shop many bench)
driver=
reaper=
cleanup() {
  [ -z "$driver" ] || kill "$driver" 2>/dev/null || true
  [ -z "$driver" ] || wait "$driver" || true
  [ -z "$reaper" ] || kill "$reaper" 2>/dev/null || true
  if [ -d "$STATE/mon" ]; then
    rm -f "$STATE/mon/rules/gamedays.yml"
    tests/cluster/monitoring.sh reload >/dev/null 2>&1 || true
  fi
  kubectl delete safetylever cluster --ignore-not-found >/dev/null 2>&1 || true
  tests/cluster/remove.sh firedrill-gamedays >/dev/null 2>&1 || true
  wait
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
code=0
others=()
for part in "${parts[@]}"; do
  case $part in
    disturbed)
      tests/matrix.sh --days &
      driver=$!
      wait "$driver" || code=$?
      driver=
      ;;
    shop | many | bench) others+=("$part") ;;
    *) echo "there is no part $part; there are disturbed, shop, many and bench" >&2; exit 2 ;;
  esac
done
[ $code -lt 128 ] || exit $code
if [ ${#others[@]} -gt 0 ]; then
  tests/cluster/up.sh >/dev/null
  binary=$(tests/build.sh)
  tests/cluster/chart.sh
  case " ${others[*]} " in *" shop "*) tests/cluster/shop.sh ;; esac
  mkdir -p target/evidence "$STATE/log/gamedays"
  tests/cluster/shell.sh env RUST_LOG=firedrill=info "$binary" reaper --lease-namespace firedrill-reaper \
    --kubeconfig "$STATE/pki/firedrill-reaper.kubeconfig" 2>"$STATE/log/gamedays/reaper.log" &
  reaper=$!
  tests/cluster/shell.sh python3 tests/gamedays/gamedays.py target/evidence/gamedays.json "$binary" "${parts[@]}" &
  driver=$!
  wait "$driver" || code=$?
fi
exit $code
