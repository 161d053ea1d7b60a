#!/bin/bash
# The hard days of a cluster, beside another one whose pods come and go: it cannot start, it is
# interrupted while it starts, everything of it is killed, and it comes up again. Whatever happened,
# removing it leaves the machine as it was.
#
# usage: no-trace.sh [--plant]    --plant leaves a mount behind, to see that it is found
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/env.sh"
other=("$here/shell.sh" kubectl)
[ -f "$STATE/up" ] || { echo "this needs another cluster beside it: make cluster-up" >&2; exit 1; }
own=/var/tmp/firedrill-trace-$$
id=$(basename "$own")
work=$(mktemp -d)
churn=
in_own() { FIREDRILL_STATE=$own "$@"; }
cleanup() {
  [ -z "$churn" ] || kill "$churn" 2>/dev/null || true
  in_own "$here/down.sh"
  umount "$own/planted" 2>/dev/null || true
  rm -rf "$work" "$own"
  "${other[@]}" delete namespace churn --ignore-not-found --wait=false >/dev/null 2>&1 || true
}
trap cleanup EXIT
trap 'exit 130' INT TERM

fail() { echo "$1" >&2; exit 1; }
nodes_of() { "$@" get nodes --no-headers | grep -cw Ready; }
up() { in_own "$here/up.sh" >"$work/up.log" 2>&1; }

# Pods of the other cluster come and go all the time.
"${other[@]}" create namespace churn >/dev/null
"${other[@]}" -n churn create deployment pods --image=registry.local/pause:3.10 --replicas=2 >/dev/null
(while sleep 1; do "${other[@]}" -n churn delete pods --all --wait=false --grace-period=1 >/dev/null 2>&1 || true; done) &
churn=$!
in_own "$here/trace.sh" look "$work/before"

# A program that cannot start fails the start, and so the whole test run.
mkdir "$work/cache"
ln -s "$CACHE"/* "$work/cache/"
rm "$work/cache/bin"
mkdir "$work/cache/bin"
ln -s "$BIN"/* "$work/cache/bin/"
ln -sf /bin/false "$work/cache/bin/containerd"
! FIREDRILL_CACHE=$work/cache up || fail "a cluster whose containerd cannot start came up"
grep -q "the cluster did not come up" "$work/up.log" || fail "nothing says that the cluster did not come up"
rm -rf "$own/log.failed"
echo "a cluster that cannot start fails the run"

# Ctrl-C reaches the whole group of processes, as on a terminal.
setsid env --default-signal=INT FIREDRILL_STATE="$own" "$here/up.sh" >"$work/up.log" 2>&1 &
starting=$!
until_ok 30 test -f "$own/run/apiserver.pid"
kill -INT -- "-$starting"
! wait "$starting" || fail "an interrupted start ended well"
[ ! -e "/run/netns/$id-cp" ] || fail "an interrupted start left its network namespace"
rm -rf "$own/log.failed"
echo "Ctrl-C while a cluster starts removes it"

up || { cat "$work/up.log" >&2; fail "no second cluster beside another one"; }
[ "$(nodes_of in_own "${other[@]}")" = 2 ] && [ "$(nodes_of "${other[@]}")" -ge 2 ] || fail "two clusters side by side do not both answer"
echo "two clusters side by side answer"

in_own bash -c '. "$1" && kill_everything' bash "$here/env.sh"
up || { cat "$work/up.log" >&2; fail "the cluster does not come up again after SIGKILL"; }
echo "a cluster of which everything was killed comes up again"

kill -9 "$(cat "$own/run/n1-containerd.pid")" "$(cat "$own/run/kcm.pid")"
in_own "$here/down.sh"
if [ "${1:-}" = --plant ]; then
  mkdir -p "$own/planted"
  mount -t tmpfs planted "$own/planted"
fi
in_own "$here/trace.sh" look "$work/after"
in_own "$here/trace.sh" compare "$work/before" "$work/after"
