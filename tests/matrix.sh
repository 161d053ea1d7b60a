#!/bin/bash
# Kills the operator at each of its writes on the real cluster, takes away what it needs, and judges
# what becomes of the run.
#
# usage: matrix.sh [--sample [SEED]]                 everything, or some cases for a few minutes: other ones
#                                                    for each commit, the same ones for the same commit
#        matrix.sh [--leaks] [--only TEXT] ...       some of it; see target/debug/examples/matrix --help
#        matrix.sh --days [--sample [SEED]] ...      game days instead of runs
#        matrix.sh --debriefs [--sample [SEED]] ...  debriefs instead of runs
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
evidence=matrix
limit=110
at_once=4
kind=()
case ${1:-} in
  --days) evidence=gamedays-disturbed limit=25 ;;
  --debriefs) evidence=debriefs-disturbed limit=40 at_once=10 ;;
esac
if [ $evidence != matrix ]; then
  kind=("$1")
  shift
fi
arguments=("${kind[@]}" --binary "$PWD/target/debug/firedrill" --folder "$STATE/log/matrix" --api-server "$STATE/run/apiserver.pid"
  --evidence "$PWD/target/evidence/$evidence.json")
if [ "${1:-}" = --sample ]; then
  commit=$(git rev-parse --short=7 HEAD 2>/dev/null || echo 0)
  arguments+=(--sample "$limit" --at-once "$at_once" --seed "${2:-$((16#$commit))}")
else
  arguments+=("$@")
fi
driver=
reaper=
# A day begins only where a rule exists for each alert that its experiments expect.
rule=$STATE/mon/rules/matrix.yml
cleanup() {
  [ ! -d "$STATE/mon" ] || rm -f "$rule"
  [ -z "$driver" ] || kill "$driver" 2>/dev/null || true
  [ -z "$driver" ] || wait "$driver" || true
  # A driver that was killed may have left it stopped.
  [ -z "$reaper" ] || kill -CONT "$reaper" 2>/dev/null || true
  [ -z "$reaper" ] || kill "$reaper" 2>/dev/null || true
  wait
  # A driver that was killed leaves its operators behind, and what it took away.
  if pkill -f "operator --config $STATE/log/matrix/" 2>/dev/null; then tests/cluster/chart.sh; fi
  # A run or a day whose operator was killed for good would hold its namespace.
  tests/cluster/remove.sh firedrill-matrix >/dev/null 2>&1 || true
  if [ "${kind[*]}" = --debriefs ]; then
    kubectl delete nodes -l type=kwok --wait=false >/dev/null 2>&1 || true
    inside cp ip route del local 10.128.0.0/10 dev lo 2>/dev/null || true
    stop kwok || true
  fi
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
tests/cluster/up.sh >/dev/null
echo '{groups: [{name: matrix, rules: [{alert: NeverFires, expr: vector(0) > 1}]}]}' >"$rule"
tests/cluster/monitoring.sh reload
# Of the pods of a debrief it matters alone when they are ready. The driver answers at the addresses of simulated ones.
if [ "${kind[*]}" = --debriefs ]; then
  tests/cluster/kwok.sh 2
  inside cp ip route replace local 10.128.0.0/10 dev lo
fi
cargo build -q --locked --bin firedrill --example matrix
tests/cluster/chart.sh
mkdir -p target/evidence "$STATE/log/matrix"
tests/cluster/shell.sh env RUST_LOG=firedrill=info "$PWD/target/debug/firedrill" reaper --lease-namespace firedrill-reaper \
  --kubeconfig "$STATE/pki/firedrill-reaper.kubeconfig" 2>"$STATE/log/matrix/reaper.log" &
reaper=$!
tests/cluster/shell.sh target/debug/examples/matrix "${arguments[@]}" --reaper "$reaper" &
driver=$!
wait "$driver"
