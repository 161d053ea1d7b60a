#!/bin/bash
# When the meetings of debriefs are, held against another language's calendar (tests/debriefs/windows.py): seven zones,
# both changes of their clocks, weekends, closed days, nights. Then debriefs live through ten months on a real API server,
# under production's operator whose calendar is ahead, and what people are told is counted (tests/debriefs/life.py).
#
# usage: debriefs.sh [CASES [SEED]]    default 20,000 cases, and a seed of the day
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
cases=${1:-20000}
seed=${2:-$(date +%Y%m%d)}
tests/cluster/packages.sh python3 tzdata
mkdir -p target/evidence
file=$(mktemp)
cleanup() {
  rm -f "$file"
  [ ! -f "$STATE/up" ] || kubectl delete namespaces -l firedrill-life --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM
python3 tests/debriefs/windows.py "$cases" "$seed" >"$file"
told=$(CALENDAR_CASES="$file" cargo test --locked -q --test debrief calendar -- --nocapture | grep '^calendar: ')
echo "$told"
read -r same of < <(sed -E 's/^calendar: ([0-9]+)\/([0-9]+).*/\1 \2/' <<<"$told")
tests/cluster/up.sh >/dev/null
tests/cluster/chart.sh
cargo build --locked -q --example ahead
lives=0
tests/cluster/shell.sh python3 -B tests/debriefs/life.py "$PWD/target/debug/examples/ahead" target/evidence/debriefs.json || lives=$?
[ "$same" = "$of" ] && [ "$of" = "$cases" ] && [ "$lives" = 0 ] && held=true || held=false
jq -c --argjson same "$same" --argjson cases "$of" --argjson seed "$seed" --argjson held "$held" \
  '. + {windows: $cases, same: $same, seed: $seed, held: $held}' target/evidence/debriefs.json >"$file"
cp "$file" target/evidence/debriefs.json
echo "debriefs: $same of $of windows as Python's zoneinfo has them (seed $seed); $(jq -r '"\(.checksHeld) of \(.checks)"' "$file") checks of their lives held"
[ "$held" = true ]
