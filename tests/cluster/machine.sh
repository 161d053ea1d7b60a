#!/bin/bash
# What a cluster changes on the machine itself, outside of its own network namespaces and cgroups. The
# first cluster notes how the machine was; the last one that goes puts it back.
#
# usage: machine.sh prepare|restore
set -euo pipefail
. "$(dirname "$0")/env.sh"
noted=/run/firedrill-machine # how the machine was before the first cluster
root=/sys/fs/cgroup
folders=(/run/netns /run/containerd) # made by iproute2 and by the container runtime, for the whole machine
# What the kernel loads for network namespaces, bridges, kube-proxy, NetworkPolicies and images.
modules='br_netfilter|bridge|stp|llc|veth|overlay|dummy|nfnetlink.*|nf_.*|nft_.*|xt_.*|x_tables|ip6?_tables|ip6?table_.*|ip_set.*|ip_vs.*|libcrc32c|crc32c_generic|inet_diag|tcp_diag|netlink_diag'
exec 8</run
flock 8 # two clusters may start, or go, at the same time

prepare() {
  if [ ! -d "$noted" ]; then
    mkdir "$noted"
    machine_sysctls >"$noted/sysctls"
    machine_modules >"$noted/modules"
    for folder in "${folders[@]}"; do [ -d "$folder" ] || echo "$folder"; done >"$noted/missing-folders"
    [ ! -f $root/cgroup.subtree_control ] || cp $root/cgroup.subtree_control "$noted/controllers"
  fi
  mkdir -p "$CLUSTERS"
  touch "$CLUSTERS/$ID"
  sysctl -qw fs.inotify.max_user_instances=8192 fs.inotify.max_user_watches=1048576
  if [ ! -d /proc/sys/net/bridge ]; then
    modprobe br_netfilter
    # Unless told not to, it filters what passes the machine's own bridges too.
    sysctl -qw net.bridge.bridge-nf-call-{ip,ip6,arp}tables=0
  fi
  # cgroup v2: the kubelet wants every controller that the root has, and systemd hands down only some.
  [ ! -f $root/cgroup.controllers ] || sed 's/[^ ]*/+&/g' $root/cgroup.controllers >$root/cgroup.subtree_control
}

# Removes the modules that were not there before and that nobody uses. The kernel takes network
# namespaces down on its own time, and what they used with them.
unload() {
  local module end=$((SECONDS + 5 * SLOW)) left
  while :; do
    left=0
    for module in $(machine_modules | comm -13 "$noted/modules" - | grep -xE "$modules"); do
      rmmod "$module" 2>/dev/null || left=1
    done
    [ $left = 1 ] && [ $SECONDS -lt $end ] || return 0
    sleep 0.2
  done
}

# Removes the folders that were not there before, unless somebody else has begun to use them.
tidy() {
  local folder
  while read -r folder; do
    case $folder in
      /run/netns) [ -n "$(ls "$folder" 2>/dev/null)" ] || { umount "$folder" && rmdir "$folder"; } 2>/dev/null || true ;;
      /run/containerd) pgrep containerd >/dev/null || rm -rf "$folder" ;;
    esac
  done <"$noted/missing-folders"
}

restore() {
  rm -f "$CLUSTERS/$ID"
  [ ! -d "$CLUSTERS" ] || rmdir "$CLUSTERS" 2>/dev/null || return 0
  [ -d "$noted" ] || return 0
  sed 's/ = /=/' "$noted/sysctls" | xargs sysctl -qw
  if [ -f "$noted/controllers" ]; then
    local controller
    for controller in $(cat $root/cgroup.subtree_control); do
      # One that another group of the machine still hands down stays.
      grep -qw "$controller" "$noted/controllers" || echo "-$controller" 2>/dev/null >$root/cgroup.subtree_control || true
    done
  fi
  unload
  tidy
  rm -rf "$noted"
}

"$1"
