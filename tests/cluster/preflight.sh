#!/bin/bash
# Says in one message everything that is missing for a cluster on this machine, and what will be changed.
set -euo pipefail
. "$(dirname "$0")/env.sh"
missing=()
need() { missing+=("  - $1"); }
older() { [ "$1" != "$2" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -1)" = "$1" ]; } # older 1.20 1.26

[ "$(uname -s)" = Linux ] || need "Linux: this is $(uname -s). Use a Linux machine or a virtual one."
[ "$(uname -m)" = x86_64 ] || need "an x86_64 processor: this is $(uname -m), which was never tried."
[ "$(id -u)" = 0 ] || need "root, for network namespaces and cgroups: run it with sudo."
command -v apt-get >/dev/null || need "Debian or Ubuntu with apt-get, for runc, nftables and Alertmanager."

cgroups=/sys/fs/cgroup
if [ -f $cgroups/cgroup.controllers ]; then
  controllers=$(cat $cgroups/cgroup.controllers)
  tree=$cgroups/cgroup.subtree_control
else # cgroup v1: a tree for each controller
  controllers=$(ls $cgroups 2>/dev/null || true)
  tree=$cgroups/memory
fi
lacking() { # WANTED GIVEN: the controllers that are wanted and not given
  local controller
  for controller in $1; do grep -qw "$controller" <<<"$2" || echo "$controller"; done
}
# Of the groups that hold processes only the machine's own root group hands controllers down, and it alone has
# no cgroup.type (kernel: admin-guide/cgroup-v2.rst, "No Internal Process Constraint").
if { [ -e "$tree" ] && [ ! -w "$tree" ]; } ||
  { [ -e $cgroups/cgroup.type ] && [ -n "$(cat $cgroups/cgroup.procs)" ] && [ -n "$(lacking "$controllers" "$(cat "$tree")")" ]; }; then
  need "cgroups that this container may divide, which it may not under $cgroups: start it with 'docker run --privileged --cgroupns=host', or use the machine itself."
else
  for controller in $(lacking "cpu cpuset memory pids" "$controllers"); do
    need "the cgroup controller '$controller' under $cgroups: a kernel parameter (cgroup_disable) switched it off, or the host of this container keeps it."
  done
fi
[ -d /proc/sys/net/bridge ] || modprobe -qn br_netfilter 2>/dev/null ||
  need "the kernel module br_netfilter, for NetworkPolicies: 'modprobe br_netfilter' on the machine itself."

# The command that gets a program on this machine: Debian's package where it is new enough, else its makers'.
packaged() { apt-cache policy "$1" 2>/dev/null | sed -nE 's/^ *Candidate: ([0-9]+:)?([0-9].*)/\2/p'; }
get_rust() {
  if command -v rustup >/dev/null; then
    echo "rustup update stable && rustup default stable"
  elif [ -n "$(packaged rustup)" ]; then
    echo "apt-get install rustup && rustup default stable"
  else
    echo "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
  fi
}
get_go() {
  local candidate
  candidate=$(packaged golang-go)
  if [ -n "$candidate" ] && ! older "$candidate" 1.21; then
    echo "apt-get install golang-go"
  else
    echo "curl -sSfL https://go.dev/dl/go$go.0.linux-amd64.tar.gz | tar -xzC /usr/local && export PATH=/usr/local/go/bin:\$PATH"
  fi
}
rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
have=$(cargo --version 2>/dev/null | awk '{print $2}' || true)
if [ -z "$have" ]; then
  need "Rust $rust or later: $(get_rust)"
elif older "$have" "$rust"; then
  need "Rust $rust or later, this is $have: $(get_rust)"
fi
# From 1.21 on, Go fetches the one that a module asks for.
go=$(sed -n 's/^go \([0-9]*\.[0-9]*\).*/\1/p' "$HERE/modules/cluster/go.mod")
have=$(go env GOVERSION 2>/dev/null | sed 's/^go//' || true)
if [ -z "$have" ]; then
  need "Go $go, or 1.21 or later, which fetches it: $(get_go)"
elif older "$have" 1.21; then
  need "Go $go, or 1.21 or later, which fetches it; this is $have: $(get_go)"
fi

mkdir -p "$CACHE"
built=$(ls "$BIN/kube-apiserver" 2>/dev/null || true)
wanted=$([ -n "$built" ] && echo 4 || echo 16)
free=$(df -Pk "$CACHE" | awk 'NR==2 {print int($4 / 1048576)}')
[ "$free" -ge "$wanted" ] || need "$wanted GB of free disk under $CACHE: there are $free."

if [ ${#missing[@]} -gt 0 ]; then
  echo "This machine cannot run the test cluster yet. Missing:" >&2
  printf '%s\n' "${missing[@]}" >&2
  exit 1
fi
[ -n "$built" ] || cat <<MESSAGE
The first start builds Kubernetes from source, ten to fifteen minutes on two cores. It will
  - install Debian packages (runc, nftables, Alertmanager and others; no service is started or enabled),
  - keep what it builds in $CACHE (about 1 GB, and Go's build cache),
  - use network namespaces and cgroups named $ID-*,
  - load kernel modules (br_netfilter and others), hand cgroup controllers down from $cgroups, and set five
    sysctls (overcommit_memory, panic, panic_on_oops, two of inotify).
'make cluster-down' removes and puts back all but the packages and what was built.
MESSAGE
