#!/bin/bash
# A shell inside the cluster's network with kubectl and firedrill; with arguments: that command there.
set -euo pipefail
. "$(dirname "$0")/env.sh"
[ -f "$STATE/up" ] || { echo "there is no cluster yet: make cluster-up" >&2; exit 1; }
export PATH="$ROOT/target/release:$BIN:$PATH" FIREDRILL_CONFIG="$STATE/mon/firedrill.yaml" FIREDRILL_TEST_CLUSTER="$KUBECONFIG" FIREDRILL_TEST_OPERATOR="$STATE/pki/firedrill-operator.kubeconfig"
[ $# -gt 0 ] || set -- bash --norc
unset -f kubectl ctr stop start index inside netns
exec nsenter --net="/run/netns/$ID-cp" "$@"
