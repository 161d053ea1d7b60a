#!/bin/bash
# Builds the pinned programs into the cache. modules/*/go.sum and Cargo.lock are the pins; a program
# whose inputs did not change is not built again.
#
# usage: build.sh [NAME...]    all that a cluster needs, or just these; helm, kwok and matchers only when named
set -euo pipefail
. "$(dirname "$0")/env.sh"
names=("$@")
[ ${#names[@]} -gt 0 ] || names=(k8s etcd containerd cni coredns netpol prometheus)
declare -A seconds=([k8s]=320 [etcd]=10 [containerd]=80 [cni]=2 [coredns]=10 [netpol]=100 [prometheus]=60 [kwok]=10 [helm]=10 [matchers]=10)
mkdir -p "$BIN/cni" "$CACHE/stamp"
exec 9>"$CACHE/build.lock"
flock -n 9 || { echo "another build is under way; waiting for it"; flock 9; }

# What is linked without debug information is compiled without it too.
export CGO_ENABLED=0 GOFLAGS="-trimpath -mod=readonly -gcflags=all=-dwarf=false"
# A Go that is older than a module asks for fetches the one that it names.
export GOTOOLCHAIN=auto
# The compilers live for seconds: they collect their garbage only when there is much of it.
export GOGC=off GOMEMLIMIT=2GiB
version() { sed -nE "s#^(require)?[[:space:]]*$1 (v[^ ]+).*#\2#p" go.mod | head -1; }
go_build() { nice go build -p "${JOBS:-2}" -ldflags "-s -w $1" "${@:2}"; }

build_k8s() {
  local v flags="" package
  v=$(version k8s.io/kubernetes)
  # Without these the version is v0.0.0-master and clients refuse it.
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$v -X $package.gitMajor=1 -X $package.gitMinor=$(echo "$v" | cut -d. -f2)"
    flags+=" -X $package.gitCommit=module -X $package.gitTreeState=clean -X $package.buildDate=2026-01-01T00:00:00Z"
  done
  go_build "$flags" -o "$BIN/" k8s.io/kubernetes/cmd/{kube-apiserver,kube-controller-manager,kube-proxy,kube-scheduler,kubectl,kubelet}
}
build_etcd() { go_build "" -o "$BIN/etcd" go.etcd.io/etcd/server/v3; }
build_containerd() {
  go_build "-X github.com/containerd/containerd/v2/version.Version=$(version github.com/containerd/containerd/v2)" \
    -tags no_btrfs,no_devmapper,no_zfs -o "$BIN/" tool
}
build_cni() { go_build "" -o "$BIN/cni/" github.com/containernetworking/plugins/plugins/{ipam/host-local,main/bridge,main/loopback,meta/portmap}; }
build_coredns() { go_build "" -o "$BIN/" ./coredns; }
build_kwok() { go_build "-X sigs.k8s.io/kwok/pkg/consts.Version=$(version sigs.k8s.io/kwok)" -o "$BIN/" sigs.k8s.io/kwok/cmd/kwok; }
build_helm() { go_build "-X helm.sh/helm/v3/internal/version.version=$(version helm.sh/helm/v3)" -o "$BIN/" helm.sh/helm/v3/cmd/helm; }
build_matchers() { go_build "" -o "$BIN/" .; }
build_prometheus() {
  local v
  v=$(version github.com/prometheus/prometheus | sed -E 's/v0\.([0-9])([0-9]+)/\1.\2/')
  go_build "-X github.com/prometheus/common/version.Version=$v" -tags remove_all_sd,enable_kubernetes_sd \
    -o "$BIN/" github.com/prometheus/prometheus/cmd/prometheus
}
build_netpol() {
  # Together with firedrill itself, as a demo needs both (tests/build.sh).
  nice cargo build --locked -j "${JOBS:-2}" --bin firedrill --example netpol --manifest-path "$ROOT/Cargo.toml"
  install -s "${CARGO_TARGET_DIR:-$ROOT/target}/debug/examples/netpol" "$BIN/"
}

folder() {
  case $1 in
    netpol) echo "$HERE/netpol" ;;
    matchers) echo "$HERE/modules/matchers" ;;
    containerd) echo "$HERE/modules/containerd" ;; # it and the kubelet need different versions of the CRI
    *) echo "$HERE/modules/cluster" ;;             # one module: what they share is compiled once
  esac
}
# What a program is built from: its folder, its own function here, and the compiler.
stamp() {
  {
    find "$(folder "$1")" -type f -print0 | sort -z | xargs -0 cat
    declare -f "build_$1"
    [ "$1" != netpol ] || cat "$ROOT/Cargo.lock"
  } | sha256sum | cut -c1-16
  go env GOVERSION
}

todo=()
left=0
for name in "${names[@]}"; do
  [ "$(cat "$CACHE/stamp/$name" 2>/dev/null)" = "$(stamp "$name")" ] || { todo+=("$name"); left=$((left + seconds[$name])); }
done
count=${#todo[@]}
for ((i = 0; i < count; i++)); do
  name=${todo[$i]}
  left=$((left - seconds[$name]))
  rest=$(IFS=,; echo "${todo[*]:$((i + 1))}")
  echo "[$((i + 1))/$count] building $name, about ${seconds[$name]} s on two cores${rest:+; then ${rest//,/, }, about $((left / 60 + 1)) min}"
  cd "$(folder "$name")"
  began=$SECONDS
  quietly "building $name" "$CACHE/log/$name.log" "build_$name"
  stamp "$name" >"$CACHE/stamp/$name"
  echo "[$((i + 1))/$count] $name is built, $((SECONDS - began)) s"
done
