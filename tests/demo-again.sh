#!/bin/bash
# Interrupts a demo in its first experiment and runs it again: the second call is in its first run
# within 30 seconds, and ends as the demo should within 3 minutes. What is built is not counted.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
log=$(mktemp)
demo=
cleanup() {
  [ -z "$demo" ] || kill -INT -- "-$demo" 2>/dev/null || true
  rm -f "$log"
}
trap cleanup EXIT
trap 'exit 130' INT TERM
tests/build.sh >/dev/null
fail() {
  cat "$log" >&2
  echo "$1" >&2
  exit 1
}
start() { # a demo in a group of processes of its own, as on a terminal
  setsid env --default-signal=INT tests/demo.sh >"$log" 2>&1 </dev/null &
  demo=$!
}
shows() { until_ok "$1" grep -q "$2" "$log" || fail "the demo never showed: $2"; }

start
shows 300 "injected  *2 of 2"
kill -INT -- "-$demo"
code=0
wait "$demo" || code=$?
[ "$code" = 130 ] || fail "the interrupted demo ended with $code"
echo "interrupted in its first run"

start
began=$SECONDS
shows 30 "^run payments-"
echo "a second call was in its first run after $((SECONDS - began)) s (at most 30)"
code=0
wait "$demo" || code=$?
demo=
[ "$code" = 0 ] || fail "the demo ended with exit code $code"
took=$((SECONDS - began))
[ "$took" -le 180 ] || fail "the demo took $took s, more than 3 minutes"
for text in "Passed: " "ObjectiveMissed: noticed after" "The debrief that was opened" "was noticed after"; do
  grep -q -- "$text" "$log" || fail "the demo never showed: $text"
done
echo "demo: ended as expected after $took s (at most 180)"
