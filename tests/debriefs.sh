#!/bin/bash
# When the meetings of debriefs are, held against another language's calendar (tests/debriefs/calendar.py): seven zones,
# both changes of their clocks, weekends, closed days, nights.
#
# usage: debriefs.sh [CASES [SEED]]    default 20,000 cases, and a seed of the day
set -euo pipefail
cd "$(dirname "$0")/.."
cases=${1:-20000}
seed=${2:-$(date +%Y%m%d)}
tests/cluster/packages.sh python3 tzdata
mkdir -p target/evidence
file=$(mktemp)
trap 'rm -f "$file"' EXIT
python3 tests/debriefs/calendar.py "$cases" "$seed" >"$file"
told=$(CALENDAR_CASES="$file" cargo test --locked -q --test debrief calendar -- --nocapture | grep '^calendar: ')
echo "$told"
read -r same of < <(sed -E 's/^calendar: ([0-9]+)\/([0-9]+).*/\1 \2/' <<<"$told")
printf '{"cases": %s, "same": %s, "seed": %s, "held": %s}\n' "$of" "$same" "$seed" "$([ "$same" = "$of" ] && echo true || echo false)" >target/evidence/debriefs.json
echo "meetings of debriefs: $same of $of windows as Python's zoneinfo has them (seed $seed)"
[ "$same" = "$of" ] && [ "$of" = "$cases" ]
