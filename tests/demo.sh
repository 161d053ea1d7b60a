#!/bin/bash
# The demo: three experiments on the shop, with live output, and the debrief of the one that missed.
# Nothing is scripted: each verdict is measured, and another one than expected fails the demo.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
FIREDRILL_TOOK=$(mktemp)
export FIREDRILL_TOOK
trap 'rm -f "$FIREDRILL_TOOK"' EXIT
trap 'exit 130' INT TERM
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
number=0
part() { # TITLE COMMAND...
  local began=$SECONDS title=$1
  shift
  number=$((number + 1))
  say "[$number/5] $title"
  "$@"
  took "= $title" $((SECONDS - began))
}

# A release that was built and is up to date is what people install; else a debug build is there minutes sooner.
release=target/release/firedrill
build="the release that was built"
if [ ! -e "$release" ] || [[ $(realpath "$release") != */release/* ]] ||
  [ -n "$(find src Cargo.toml Cargo.lock -newer "$release" -print -quit)" ]; then
  export FIREDRILL_BUILD=debug
  build="a debug build; 'make build' makes the release, which takes minutes more"
fi
programs() {
  tests/cluster/preflight.sh
  tests/cluster/packages.sh
  tests/cluster/build.sh
  tests/cluster/build.sh helm
}
firedrill() {
  tests/build.sh >/dev/null
  tests/cluster/shop.sh image >/dev/null
}
in_cluster=(tests/cluster/shell.sh env "KUBECONFIG=$KUBECONFIG")
unexpected=()
experiment() { # FILE EXPECTED-EXIT TITLE
  say "$3"
  sed -n 's/^# //p' "experiments/demo/$1"
  local code=0
  "${in_cluster[@]}" firedrill -n shop run -f "experiments/demo/$1" --wait --yes || code=$?
  if [ "$code" != "$2" ]; then
    unexpected+=("\"$3\" ended with exit code $code, expected was $2: $(kubectl -n shop get experimentruns --sort-by=.metadata.creationTimestamp \
      -o jsonpath='{.items[-1:].metadata.name} {.items[-1:].status.verdict} {.items[-1:].status.reason} {.items[-1:].status.message}')")
  fi
}
experiments() {
  # The others warm up while the first experiment runs; theirs wait until they are steady.
  tests/cluster/shop.sh payments
  # An earlier demo that was interrupted may have left runs under way.
  for run in $(kubectl -n shop get experimentruns -o name); do
    kubectl -n shop delete "$run" --wait=false >/dev/null
  done
  kubectl -n shop wait --for=delete experimentruns --all --timeout=60s >/dev/null 2>&1 || true
  experiment 1-heals-by-itself.yaml 0 "1. It heals by itself"
  experiment 2-noticed-in-time.yaml 0 "2. It is noticed in time"
  experiment 3-alert-waits-too-long.yaml 1 "3. The alert waits too long"
}
part "The cluster's programs" programs
part "firedrill ($build), and the shop" firedrill
part "The cluster" tests/cluster/up.sh
part "Operator and reaper, each with its own rights" tests/cluster/operator.sh
part "The shop (storefront, checkout, payments) and three experiments" experiments

debrief=$(kubectl -n shop get debriefs -l firedrill.dev/experiment=storefront-alert-is-late -o jsonpath='{.items[*].metadata.name}')
if [ -z "$debrief" ]; then
  echo "no debrief was opened" >&2
  exit 1
fi
say "The debrief that was opened: firedrill debrief show $debrief -n shop"
echo
"${in_cluster[@]}" firedrill -n shop debrief show "$debrief"
say "What would close it: its meeting, what is to change, and then, a day apart, twice"
echo "  firedrill debrief verify $debrief -n shop"
say "Look further"
cat <<MESSAGE
  make shell                                   a shell where kubectl and firedrill are ready; in it:
  kubectl get firedrill -n shop                runs and debriefs
  firedrill plan -f experiments/demo/2-noticed-in-time.yaml -n shop
  kubectl describe experimentrun -n shop       every instant of every run
  make cluster-down                            removes everything without a trace
MESSAGE
say "How long it took"
awk -F '\t' '
  function time(s) { return s < 60 ? s " s" : int(s / 60) " min " s % 60 " s" }
  /^= / {print "  " sprintf("%-12s", time($2)) substr($1, 3); printf "%s", parts; parts = ""; sum += $2; next}
  $2 > 0 {parts = parts "    " sprintf("%-12s", time($2)) $1 "\n"}
  END {print "  " sprintf("%-12s", time(sum)) "in all"}' "$FIREDRILL_TOOK"
if [ ${#unexpected[@]} -gt 0 ]; then
  printf '%s\n' "${unexpected[@]}" >&2
  exit 1
fi
