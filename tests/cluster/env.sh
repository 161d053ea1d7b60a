# Where everything is. Sourced by every script here; `tests/cluster/env.sh` run by itself prints it.
#
#   STATE  one cluster's state: keys, etcd, nodes, logs. Derived from the checkout, so that two
#          checkouts have two clusters; set FIREDRILL_STATE for another one.
#   CACHE  what was built, shared by every checkout, each part in a folder named by a hash of its inputs.
# shellcheck shell=bash
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
CACHE=${FIREDRILL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/firedrill}
STATE=${FIREDRILL_STATE:-/var/tmp/firedrill-$(printf %s "$ROOT" | sha256sum | cut -c1-8)}
ID=$(basename "$STATE")          # prefix of network namespaces and cgroups
BIN=$CACHE/bin
IMAGES=$CACHE/images
NODES=${NODES:-n1 n2}            # real nodes; each is a network namespace of its own
CONTROL_IP=172.30.0.1
SERVICE_CIDR=10.96.0.0/16
DNS_IP=10.96.0.10
POD_CIDR=10.244.0.0/16
KUBECONFIG=$STATE/pki/admin.kubeconfig
AUDIT_LOG=$STATE/log/audit.jsonl
export HERE ROOT CACHE STATE ID BIN IMAGES NODES CONTROL_IP SERVICE_CIDR DNS_IP POD_CIDR KUBECONFIG AUDIT_LOG
# rustc's allocator, in huge pages where the kernel lets it: about 6 % less processor time.
export MALLOC_CONF=thp:always

# Never `ip netns exec`: it remounts /sys and hides /sys/fs/cgroup.
netns() { echo "/run/netns/$ID-$1"; }
inside() { nsenter --net="$(netns "$1")" "${@:2}"; }               # inside cp CMD
kubectl() { inside cp "$BIN/kubectl" "$@"; }
ctr() { "$BIN/ctr" -a "$STATE/$1/containerd.sock" -n k8s.io "${@:2}"; } # ctr n1 images ls

# What a cluster changes on the machine itself: machine.sh notes it and puts it back, trace.sh compares it.
export CLUSTERS=/run/firedrill-clusters # a file for each cluster that is up
machine_sysctls() { # the kubelet changes the first three
  sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops fs.inotify.max_user_instances fs.inotify.max_user_watches
}
machine_modules() { awk '{print $1}' /proc/modules 2>/dev/null | sort || true; }

# For which target Rust builds a program for this machine.
rust_host() { rustc -vV | sed -n 's/^host: //p'; }

# Says which part of a long script begins, and when.
step() { printf '\n== %s  %s\n' "$(date +%T)" "$1"; }

# Notes how long a part took, for the summary of the minutes, where somebody keeps one.
took() { # PART SECONDS
  [ -z "${FIREDRILL_TOOK:-}" ] || printf '%s\t%s\n' "$1" "$2" >>"$FIREDRILL_TOOK"
}

# Runs a command that says much: that goes to a log, of which one line that moves is shown on a terminal,
# and the end if the command fails.  quietly PART LOG COMMAND...
quietly() {
  local part=$1 log=$2 began=$SECONDS code=0 moving=
  shift 2
  mkdir -p "$(dirname "$log")"
  if [ -t 2 ]; then
    while sleep 1 && kill -0 $$ 2>/dev/null; do
      printf '\r\033[K%s, %d s: %.45s' "$part" $((SECONDS - began)) "$(tail -n 1 "$log" 2>/dev/null)" >&2
    done &
    moving=$!
  fi
  # Bash ignores -e in whatever an `if` or `||` asks about.
  set +e
  (set -e; "$@") >"$log" 2>&1
  code=$?
  set -e
  if [ -n "$moving" ]; then
    kill $moving
    wait $moving 2>/dev/null || true
    printf '\r\033[K' >&2
  fi
  took "$part" $((SECONDS - began))
  [ $code = 0 ] || { tail -n 30 "$log"; echo "$part failed; all that was said is in $log"; } >&2
  return $code
}

# Starts a program in the background, with a log and a recorded process id. Most are written in Go: a
# fifth of the API server's processor time is collecting garbage where it does so as often as by default.
start() {
  local name=$1
  shift
  mkdir -p "$STATE/log" "$STATE/run"
  GOGC=300 setsid nohup "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$STATE/run/$name.pid"
}

# Asks programs to end, by the names under which they were started.
stop() {
  local name
  for name in "$@"; do
    [ -f "$STATE/run/$name.pid" ] && kill "$(cat "$STATE/run/$name.pid")" 2>/dev/null
    rm -f "$STATE/run/$name.pid"
  done
}

# Ends everything of the cluster the hard way, pods included, as a machine that is switched off does.
kill_everything() {
  local node
  # Some end by themselves while they are being listed.
  { for node in cp $NODES; do ip netns pids "$ID-$node"; done; cat "$STATE"/run/*.pid; } | sort -u | xargs -r kill -9 2>/dev/null || true
}

# The number of a node, from 1 on.
index() {
  local i=0 node
  for node in $NODES; do
    i=$((i + 1))
    [ "$node" = "$1" ] && echo $i && return
  done
  return 1
}

# On a machine that is many times slower, such as an emulated one, every wait is as many times longer.
SLOW=${FIREDRILL_SLOW:-1}
seconds() { echo "$(($1 * SLOW))s"; } # seconds 60: as kubectl takes it

# Waits until a command succeeds: until_ok SECONDS COMMAND...
until_ok() {
  local end=$((SECONDS + $1 * SLOW))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "waited in vain for: $*" >&2; return 1; }
    sleep "$((SLOW / 10)).$((SLOW % 10))"
  done
}

# On such a machine a call may also take longer than a limit that nothing lengthens, as the API server's 34 s for a
# write; the next one takes less. Elsewhere the first failure is the last: persistently COMMAND...
persistently() {
  local tries
  for ((tries = 1; tries < SLOW; tries++)); do "$@" && return; done
  "$@"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  for name in STATE CACHE BIN KUBECONFIG AUDIT_LOG ID; do echo "export $name=${!name}"; done
  echo "export FIREDRILL_CONFIG=$STATE/mon/firedrill.yaml"
fi
