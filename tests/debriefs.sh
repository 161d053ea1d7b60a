#!/bin/bash
# Debriefs: when their meetings are, held against another language's calendar (tests/debriefs/windows.py): seven zones, both
# changes of their clocks, weekends, closed days, nights. Ten months on a real API server, under production's operator whose
# calendar is ahead, and what people are told, counted (tests/debriefs/life.py). The operator killed and paused at each write
# that concerns a debrief, and at each message (tests/matrix/debriefs.rs). The story of one on the demo shop, with real alerts,
# by the commands that people type (tests/debriefs/story.py). What a thousand open ones and ten thousand that are over cost
# (tests/debriefs/load.py).
#
# usage: debriefs.sh [PART...]           windows, lives, disturbed, story, load; default all of them
#        debriefs.sh --sample [SEED]     some of the disturbances: for each commit other ones, for the same commit the same
#   CASES=20000 SEED=20261124    how many windows, and of which seed; default 20,000, and one of the day
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
if [ "${1:-}" = --sample ]; then exec tests/matrix.sh --debriefs "$@"; fi
parts=("$@")
[ ${#parts[@]} -gt 0 ] || parts=(windows lives disturbed story load)
for part in "${parts[@]}"; do
  case $part in
    windows | lives | disturbed | story | load) ;;
    *) echo "there is no part $part; there are windows, lives, disturbed, story and load" >&2; exit 2 ;;
  esac
done
cases=${CASES:-20000}
seed=${SEED:-$(date +%Y%m%d)}
mkdir -p target/evidence
file=$(mktemp)
driver=
rules=$STATE/mon/shop-rules.yml # the shop's, which its story changes
cleanup() {
  [ -z "$driver" ] || kill "$driver" 2>/dev/null || true
  [ -z "$driver" ] || wait "$driver" || true
  rm -f "$file"
  [ -f "$STATE/up" ] || return 0
  kubectl delete namespaces -l firedrill-life --wait=false >/dev/null 2>&1 || true
  kubectl delete namespaces -l firedrill-debriefs --wait=false >/dev/null 2>&1 || true
  # The shop is as it was.
  [ ! -f "$rules" ] || tests/cluster/monitoring.sh reload >/dev/null 2>&1 || true
  [ ! -f "$rules" ] || kubectl apply -f experiments/demo/shop/shop.yaml >/dev/null 2>&1 || true
  rm -f "$rules"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP
found='{}' # what is written down
said=()    # what is said of each part
held=true
found() { # OBJECT
  found=$(jq -c --argjson more "$1" '. + $more' <<<"$found")
}
windows() {
  local told same of
  tests/cluster/packages.sh python3 tzdata && python3 tests/debriefs/windows.py "$cases" "$seed" >"$file" || return 1
  told=$(CALENDAR_CASES="$file" cargo test --locked -q --test debrief calendar -- --nocapture | grep '^calendar: ') || return 1
  echo "$told"
  read -r same of < <(sed -E 's/^calendar: ([0-9]+)\/([0-9]+).*/\1 \2/' <<<"$told")
  found "{\"windows\": $cases, \"same\": $same, \"seed\": $seed}"
  said+=("$same of $of windows as Python's zoneinfo has them (seed $seed)")
  [ "$same" = "$of" ] && [ "$of" = "$cases" ]
}
lives() {
  local code=0
  tests/cluster/packages.sh python3 tzdata && tests/cluster/up.sh >/dev/null && tests/cluster/chart.sh || return 1
  cargo build --locked -q --example ahead || return 1
  rm -f "$file"
  tests/cluster/shell.sh python3 -B tests/debriefs/life.py "$PWD/target/debug/examples/ahead" "$file" || code=$?
  [ -f "$file" ] || return 1
  found "$(cat "$file")"
  said+=("$(jq -r '"\(.checksHeld) of \(.checks) checks of their lives held"' "$file")")
  return $code
}
driven() { # COMMAND...: which ends with this script, and ends it where it was ended itself
  local code=0
  "$@" &
  driver=$!
  wait "$driver" || code=$?
  driver=
  [ $code -lt 128 ] || exit $code
  return $code
}
disturbed() {
  local code=0 evidence=target/evidence/debriefs-disturbed.json
  rm -f "$evidence"
  driven tests/matrix.sh --debriefs || code=$?
  [ ! -f "$evidence" ] || found "$(jq -c '{disturbed: (.cases | length), disturbedHeld: ([.cases[] | select(.complaints == [])] | length)}' "$evidence")"
  said+=("$(jq -r .line "$evidence" 2>/dev/null || echo "none was disturbed")")
  return $code
}
# On the cluster, with the release that people install and its operators as processes.
with_release() { # SCRIPT EVIDENCE MORE...
  mkdir -p "$STATE/log/gamedays"
  driven env PYTHONPATH=tests/gamedays tests/cluster/shell.sh python3 -B "tests/debriefs/$1" "$2" "$binary" "${@:3}"
}
story() {
  local code=0 evidence=target/evidence/debriefs-story.json
  tests/cluster/up.sh >/dev/null && binary=$(tests/build.sh) && tests/cluster/chart.sh && tests/cluster/shop.sh || return 1
  rm -f "$evidence"
  cp experiments/demo/rules.yml "$rules"
  RULES=$rules tests/cluster/monitoring.sh reload || return 1
  with_release story.py "$evidence" "$rules" || code=$?
  [ -f "$evidence" ] || return 1
  found "$(jq -c '{story: .steps, storyHeld: .held}' "$evidence")"
  said+=("$(jq -r '"the story of one: \(.steps | length) of 9 steps"' "$evidence")")
  return $code
}
load() {
  local code=0 evidence=target/evidence/debriefs-load.json
  tests/cluster/up.sh >/dev/null && binary=$(tests/build.sh) && tests/cluster/chart.sh || return 1
  rm -f "$evidence"
  with_release load.py "$evidence" || code=$?
  [ -f "$evidence" ] || return 1
  found "$(jq -c '{load: .}' "$evidence")"
  said+=("$(jq -r '"\(.open) open and \(.ended) over: \(.with.own_mib * 10 | round / 10) MiB, list \(.list_all_s * 100 | round / 100) s, a miss told within \(.heard_max_s * 10 | round / 10) s"' "$evidence")")
  return $code
}
# A part that fails keeps no other from its turn; within it nothing else ends it.
for part in "${parts[@]}"; do
  if ! $part; then
    echo "debriefs: the part $part failed" >&2
    held=false
  fi
done
found "{\"held\": $held}"
echo "$found" >target/evidence/debriefs.json
printf -v line '; %s' "${said[@]}"
echo "debriefs: ${line:2}"
[ $held = true ]
