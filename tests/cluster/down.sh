#!/bin/bash
# Ends everything that the cluster started, also what a killed one left, and removes its state.
. "$(dirname "$0")/env.sh"
rm -f "$STATE/up"
names() { find "$STATE/run" -name '*.pid' -printf '%f\n' 2>/dev/null | sed 's/\.pid$//' | grep -E -e "$1"; }
mapfile -t agents < <(names '' | grep -vE '^(etcd|apiserver|.*-containerd)$')
stop "${agents[@]}"
for node in $NODES; do
  ctr "$node" tasks ls -q 2>/dev/null | while read -r task; do ctr "$node" tasks kill -s SIGKILL -a "$task"; done 2>/dev/null &
done
wait
sleep "$SLOW" # the runtime reaps its tasks on its own time, and nothing tells when it has
for node in $NODES; do
  ctr "$node" tasks ls -q 2>/dev/null | while read -r task; do ctr "$node" tasks rm -f "$task"; done >/dev/null 2>&1
done
mapfile -t runtimes < <(names '-containerd$')
stop "${runtimes[@]}"
# The API server drains watches for up to a minute when asked to end; nobody waits for them here.
for name in apiserver etcd; do
  pid=$(cat "$STATE/run/$name.pid" 2>/dev/null) || continue
  kill "$pid" 2>/dev/null
  for ((i = 0; i < 6 * SLOW; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.5; done
  kill -9 "$pid" 2>/dev/null
done
# Shims outlive their runtime; they are ours if they serve one of our sockets.
pkill -f "containerd-shim-runc-v2 .*-address $STATE/" 2>/dev/null
# What a killed cluster left sits in our network namespaces and cgroups, and nobody else does.
for node in $NODES cp; do
  ip netns pids "$ID-$node" 2>/dev/null
done | xargs -r kill -9 2>/dev/null
for node in $NODES; do
  find /sys/fs/cgroup/{,*/}"$ID-$node" -name cgroup.procs -exec cat {} + 2>/dev/null
done | sort -u | xargs -r kill -9 2>/dev/null
sleep 0.3
awk -v prefix="$STATE/" 'index($5, prefix) == 1 {print length($5), $5}' /proc/self/mountinfo | sort -rn | cut -d' ' -f2- |
  while read -r mount; do umount "$mount" 2>/dev/null || umount -l "$mount"; done
for node in $NODES cp; do ip netns del "$ID-$node" 2>/dev/null; done
for node in $NODES; do
  for group in /sys/fs/cgroup/{,*/}"$ID-$node"; do
    [ -d "$group" ] && find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
  done
done
for part in etcd log run pki mon scheduler.yaml cp $NODES; do rm -rf "${STATE:?}/$part"; done
rmdir "$STATE" 2>/dev/null
"$HERE/machine.sh" restore
exit 0
