#!/bin/bash
# Says in one message everything that is missing for a cluster on this machine, and what will be changed.
set -euo pipefail
. "$(dirname "$0")/env.sh"
missing=()
need() { missing+=("  - $1"); }

[ "$(uname -s)" = Linux ] || need "Linux: this is $(uname -s). Use a Linux machine or a virtual one."
[ "$(uname -m)" = x86_64 ] || need "an x86_64 processor: this is $(uname -m), which was never tried."
[ "$(id -u)" = 0 ] || need "root, for network namespaces and cgroups: run it with sudo."
command -v apt-get >/dev/null || need "Debian or Ubuntu with apt-get, for runc, nftables and Alertmanager."
if [ ! -d /sys/fs/cgroup/memory ] || [ ! -d /sys/fs/cgroup/cpuset ]; then
  need "cgroup v1 controllers under /sys/fs/cgroup: boot with systemd.unified_cgroup_hierarchy=0."
fi
command -v cargo >/dev/null || need "Rust 1.89 or later: https://rustup.rs"
if ! command -v go >/dev/null; then
  need "Go 1.26 or later: https://go.dev/dl"
elif [ "$(printf '%s\n' go1.26 "$(go env GOVERSION)" | sort -V | head -1)" != go1.26 ]; then
  need "Go 1.26 or later: this is $(go env GOVERSION)."
fi
mkdir -p "$CACHE"
built=$(ls "$CACHE/bin/kube-apiserver" 2>/dev/null || true)
wanted=$([ -n "$built" ] && echo 4 || echo 16)
free=$(df -Pk "$CACHE" | awk 'NR==2 {print int($4 / 1048576)}')
[ "$free" -ge "$wanted" ] || need "$wanted GB of free disk under $CACHE: there are $free."

if [ ${#missing[@]} -gt 0 ]; then
  echo "This machine cannot run the test cluster yet. Missing:" >&2
  printf '%s\n' "${missing[@]}" >&2
  exit 1
fi
[ -n "$built" ] || cat <<MESSAGE
The first start builds Kubernetes from source, about ten minutes on two cores. It will
  - install Debian packages (runc, nftables, Alertmanager and others; no service is started),
  - keep what it builds in $CACHE (about 1 GB, and Go's build cache),
  - use network namespaces and cgroups named $ID-*, which 'make cluster-down' removes.
MESSAGE
