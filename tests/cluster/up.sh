#!/bin/bash
# Brings the cluster up: control plane, real nodes, service proxy, NetworkPolicy, DNS, monitoring.
# A cluster that is already up is left as it is; what a killed one left behind is removed first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
"$HERE/preflight.sh"
"$HERE/packages.sh"
"$HERE/build.sh"
"$HERE/images.sh"

began=$(date +%s%N)
say() { printf '%6.1f s  %s\n' "$(($(date +%s%N) - began))e-9" "$1"; }
healthy() {
  [ -f "$STATE/up" ] && [ -e "$(netns cp)" ] &&
    [ "$(kubectl get nodes --no-headers --request-timeout="$(seconds 5)" 2>/dev/null | grep -cw Ready)" -ge "$(wc -w <<<"$NODES")" ] &&
    inside cp curl -sf -m "$((2 * SLOW))" http://$CONTROL_IP:9090/-/ready >/dev/null &&
      inside cp curl -sf -m "$((2 * SLOW))" http://$CONTROL_IP:9093/-/ready >/dev/null
}
nodes_ready() { [ "$(kubectl get nodes --no-headers 2>/dev/null | grep -cw Ready)" -ge "$(wc -w <<<"$NODES")" ]; }

if healthy; then
  "$HERE/monitoring.sh" reload
  echo "the test cluster is up"
else
  if [ -e "$(netns cp)" ] || [ -d "$STATE/run" ]; then
    echo "removing what an earlier cluster left behind"
    "$HERE/down.sh"
  fi
  trap 'status=$?; [ $status = 0 ] || { echo "the cluster did not come up; logs are in $STATE/log.failed" >&2
        rm -rf "$STATE/log.failed"; cp -r "$STATE/log" "$STATE/log.failed" 2>/dev/null || true; "$HERE/down.sh"; }; exit $status' EXIT
  trap 'exit 130' INT TERM
  mkdir -p "$STATE"
  "$HERE/machine.sh" prepare
  "$HERE/pki.sh"
  "$HERE/net.sh"
  "$HERE/control-plane.sh"
  say "the API server answers"
  kubectl apply -f "$HERE/rbac.yaml" >/dev/null
  pids=()
  for node in $NODES; do
    "$HERE/node.sh" "$node" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid"; done
  for node in $NODES; do
    "$HERE/proxy.sh" "$node" "$node"
    start "$node-netpol" env KUBECONFIG="$STATE/pki/netpol.kubeconfig" nsenter --net="$(netns "$node")" "$BIN/netpol" --node "$node"
  done
  until_ok 60 nodes_ready
  say "the nodes are ready"
  "$HERE/proxy.sh" cp n1
  kubectl apply -f "$HERE/dns.yaml" >/dev/null
  "$HERE/monitoring.sh" start
  kubectl -n kube-system rollout status deployment/coredns --timeout="$(seconds 60)" >/dev/null
  touch "$STATE/up"
  say "DNS and monitoring are ready: the cluster is up"
fi
cat <<MESSAGE

  kubectl and firedrill in a shell of their own:   make shell
  one command inside the cluster's network:        nsenter --net=$(netns cp) env KUBECONFIG=$KUBECONFIG $BIN/kubectl get nodes
  Prometheus http://$CONTROL_IP:9090 and Alertmanager http://$CONTROL_IP:9093, from inside
  remove it without a trace:                       make cluster-down
MESSAGE
