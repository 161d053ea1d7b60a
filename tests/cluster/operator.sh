#!/bin/bash
# Builds the operator's image from the release binary, loads it into every node, and installs the
# chart with it. A second call replaces it.  usage: operator.sh [OPTION OF helm...]
set -euo pipefail
. "$(dirname "$0")/env.sh"
address=10.96.94.80 # a fixed address of the Service, so that Alertmanager's configuration can name it
archive=$("$HERE/image.sh")
tag=$(basename "$archive" .tar)
for node in $NODES; do "$HERE/load.sh" "$node" "$archive"; done
kubectl create namespace firedrill-system --dry-run=client -o yaml | kubectl apply -f - >/dev/null
kubectl -n firedrill-system create secret generic firedrill-webhook --from-file=token="$STATE/mon/token" \
  --dry-run=client -o yaml | kubectl apply -f - >/dev/null
"$HERE/chart.sh" --set image.repository=registry.local/firedrill --set image.tag="$tag" --set image.pullPolicy=Never \
  --set config.prometheus.url="http://$CONTROL_IP:9090" --set config.alertmanager.url="http://$CONTROL_IP:9093" \
  --set webhook.tokenSecret=firedrill-webhook --set webhook.clusterIP="$address" "$@"
kubectl -n firedrill-system rollout status deployment/firedrill-operator --timeout="$(seconds 60)" >/dev/null
kubectl -n firedrill-reaper rollout status deployment/firedrill-reaper --timeout="$(seconds 60)" >/dev/null
