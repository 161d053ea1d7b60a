#!/bin/bash
# Removes the namespaces with a label, also where the operator is gone that would let go of what is in them.
#
# usage: remove.sh LABEL
set -euo pipefail
. "$(dirname "$0")/env.sh"
kubectl delete namespaces -l "$1" --wait=false >/dev/null
kubectl get namespaces -l "$1" -o name | while IFS=/ read -r _ namespace; do
  kubectl -n "$namespace" get experimentruns,gamedayruns -o name | while read -r object; do
    kubectl -n "$namespace" patch "$object" --type merge -p '{"metadata":{"finalizers":null}}' >/dev/null || true
  done
done
