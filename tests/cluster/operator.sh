#!/bin/bash
# Builds the operator's image from the release binary, loads it into every node, and installs the
# chart with it. A second call replaces it.
set -euo pipefail
. "$(dirname "$0")/env.sh"
address=10.96.94.80 # a fixed address of the Service, so that Alertmanager's configuration can name it
binary=$("$ROOT/tests/build.sh")
tag=$(sha256sum "$binary" | cut -c1-12)
archive=$CACHE/operator/$tag.tar
if [ ! -f "$archive" ]; then
  mkdir -p "$CACHE/operator"
  find "$CACHE/operator" -name '*.tar' -mmin +600 -delete
  root=$(mktemp -d)
  cp "$binary" "$root/firedrill"
  python3 "$HERE/mkoci.py" "$archive.new" "registry.local/firedrill:$tag" "$root" --entrypoint '["/firedrill"]' --user 65532 >/dev/null
  mv "$archive.new" "$archive"
  rm -rf "$root"
fi
for node in $NODES; do "$HERE/load.sh" "$node" "$archive"; done
kubectl create namespace firedrill-system --dry-run=client -o yaml | kubectl apply -f - >/dev/null
kubectl -n firedrill-system create secret generic firedrill-webhook --from-file=token="$STATE/mon/token" \
  --dry-run=client -o yaml | kubectl apply -f - >/dev/null
"$HERE/chart.sh" --set image.repository=registry.local/firedrill --set image.tag="$tag" --set image.pullPolicy=Never \
  --set config.prometheus.url="http://$CONTROL_IP:9090" --set config.alertmanager.url="http://$CONTROL_IP:9093" \
  --set webhook.tokenSecret=firedrill-webhook --set webhook.clusterIP="$address"
kubectl -n firedrill-system rollout status deployment/firedrill-operator --timeout=60s >/dev/null
