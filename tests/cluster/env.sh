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

# Says which part of a long script begins, and when.
step() { printf '\n== %s  %s\n' "$(date +%T)" "$1"; }

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

# The number of a node, from 1 on.
index() {
  local i=0 node
  for node in $NODES; do
    i=$((i + 1))
    [ "$node" = "$1" ] && echo $i && return
  done
  return 1
}

# Waits until a command succeeds: until SECONDS COMMAND...
until_ok() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || { echo "waited in vain for: $*" >&2; return 1; }
    sleep 0.1
  done
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
  for name in STATE CACHE BIN KUBECONFIG AUDIT_LOG ID; do echo "export $name=${!name}"; done
  echo "export FIREDRILL_CONFIG=$STATE/mon/firedrill.yaml"
fi
