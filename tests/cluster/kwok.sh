#!/bin/bash
# Simulated nodes beside the real ones, for scale; a second call adds some.  usage: kwok.sh [NUMBER]
set -euo pipefail
. "$(dirname "$0")/env.sh"
number=${1:-100}
"$HERE/build.sh" kwok
kill -0 "$(cat "$STATE/run/kwok.pid" 2>/dev/null)" 2>/dev/null ||
  start kwok env HOME="$STATE" nsenter --net="$(netns cp)" "$BIN/kwok" --kubeconfig="$STATE/pki/kwok.kubeconfig" \
  --config="$HERE/stages.yaml" --manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake --cidr=10.128.0.0/10 \
  --node-ip=$CONTROL_IP --node-port=10247 --server-address=$CONTROL_IP:10247 \
  --tls-cert-file="$STATE/pki/kwok.crt" --tls-private-key-file="$STATE/pki/kwok.key" --node-lease-duration-seconds=40 -v ERROR
for ((i = 0; i < number; i++)); do
  name=$(printf 'kwok-%04d' "$i")
  cat <<YAML
---
apiVersion: v1
kind: Node
metadata:
  name: $name
  annotations: {kwok.x-k8s.io/node: fake}
  labels: {type: kwok, kubernetes.io/hostname: $name, kubernetes.io/os: linux, kubernetes.io/arch: amd64}
spec: {taints: [{key: kwok.x-k8s.io/node, value: fake, effect: NoSchedule}]}
status:
  allocatable: {cpu: "32", memory: 256Gi, pods: "110"}
  capacity: {cpu: "32", memory: 256Gi, pods: "110"}
YAML
done | kubectl apply -f - >/dev/null
