#!/bin/bash
# Builds the operator's image from the release binary, loads it into every node, and installs the
# operator with exactly the rights of charts/firedrill/rbac.yaml. A second call replaces it.
set -euo pipefail
. "$(dirname "$0")/env.sh"
address=10.96.94.80 # a fixed address of the Service, so that Alertmanager's configuration can name it
archive=$("$HERE/image.sh")
tag=$(basename "$archive" .tar)
for node in $NODES; do "$HERE/load.sh" "$node" "$archive"; done
"$ROOT/target/release/firedrill" crds | kubectl apply -f - >/dev/null
kubectl apply -f "$ROOT/charts/firedrill/rbac.yaml" >/dev/null
kubectl -n firedrill-system create secret generic firedrill-webhook --from-file=token="$STATE/mon/token" \
  --dry-run=client -o yaml | kubectl apply -f - >/dev/null
sed -e "s#http://prometheus-operated.monitoring:9090#http://$CONTROL_IP:9090#" \
  -e "s#http://alertmanager-operated.monitoring:9093#http://$CONTROL_IP:9093#" \
  -e "s#image: registry.local/firedrill:.*#image: registry.local/firedrill:$tag\n        imagePullPolicy: Never#" \
  -e "s#^spec:\$#&#; s#  selector: {app.kubernetes.io/name: firedrill}\$#&\n  clusterIP: $address#" \
  "$ROOT/charts/firedrill/operator.yaml" | kubectl apply -f - >/dev/null
kubectl -n firedrill-system rollout status deployment/firedrill-operator --timeout=60s >/dev/null
