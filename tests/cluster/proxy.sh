#!/bin/bash
# kube-proxy inside a namespace; cp borrows the name of a node.  usage: proxy.sh NAMESPACE NODE-NAME
set -euo pipefail
. "$(dirname "$0")/env.sh"
mkdir -p "$STATE/$1"
cat >"$STATE/$1/proxy.yaml" <<YAML
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $STATE/pki/kube-proxy.kubeconfig}
hostnameOverride: $2
clusterCIDR: $POD_CIDR
detectLocalMode: ClusterCIDR
bindAddress: 0.0.0.0
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
YAML
start "$1-proxy" nsenter --net="$(netns "$1")" "$BIN/kube-proxy" --config="$STATE/$1/proxy.yaml" --v=2
