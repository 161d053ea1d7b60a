#!/bin/bash
# Installs the chart by Helm, and writes a kubeconfig of each of its identities, so that a process
# outside of the cluster has exactly their rights: $STATE/pki/firedrill-{operator,reaper}.kubeconfig.
#
# usage: chart.sh [HELM ARGUMENTS]     none: identities, rights and policies alone, without the pods
set -euo pipefail
. "$(dirname "$0")/env.sh"
arguments=("$@")
[ $# -gt 0 ] || arguments=(--set image.repository=none --set operator.replicas=0 --set reaper.replicas=0)
"$HERE/build.sh" helm
kubectl apply -f - >/dev/null <<YAML
{apiVersion: v1, kind: Namespace, metadata: {name: firedrill-system, labels: {pod-security.kubernetes.io/enforce: restricted}}}
YAML
# Definitions that were applied without Helm are taken over.
persistently inside cp "$BIN/helm" upgrade --install --take-ownership firedrill "$ROOT/charts/firedrill" -n firedrill-system \
  "${arguments[@]}" >"$STATE/log/helm.log"
# A policy holds about a second after it was written.
lever='{apiVersion: firedrill.dev/v1alpha1, kind: SafetyLever, metadata: {name: cluster}, spec: {by: nobody}}'
judged() { [[ $(kubectl create --dry-run=server -f - <<<"$lever" 2>&1) == *firedrill-lever* ]]; }
until_ok 20 judged
identity() { # NAMESPACE NAME
  local token
  token=$(kubectl -n "$1" create token "$2" --duration=24h)
  sed -E "s#user: \{client-certificate-data.*\}\}#user: {token: $token}}#" "$KUBECONFIG" >"$STATE/pki/$2.kubeconfig"
}
identity firedrill-system firedrill-operator
identity firedrill-reaper firedrill-reaper
