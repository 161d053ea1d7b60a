#!/bin/bash
# Runs the commands of README.md, "On your own cluster", as they stand there: installs firedrill, runs a
# first experiment on a Deployment of one's own with one's own Prometheus and Alertmanager, uninstalls.
#
# What a reader changes in files is changed in a copy; there is no registry here, so `docker` is a
# program that packs the image in its place and loads it into the nodes. All of it on a new cluster that is
# removed at the end, so that nothing is there before, and others may be used meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."
FIREDRILL_STATE=/var/tmp/firedrill-$(printf 'readme %s' "$PWD" | sha256sum | cut -c1-8)
export FIREDRILL_STATE
. tests/cluster/env.sh
work=$(mktemp -d)
fail() { echo "$1" >&2; exit 1; }
cleanup() {
  tests/cluster/down.sh
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

tests/build.sh >/dev/null
tests/cluster/up.sh >/dev/null
tests/cluster/build.sh helm
cp -r README.md charts experiments "$work/"
mkdir -p "$work/target" "$work/bin"
ln -s "$PWD/target/release" "$work/target/release"

# A Deployment of one's own.
kubectl create namespace orders >/dev/null
kubectl -n orders apply -f - >/dev/null <<'YAML'
apiVersion: apps/v1
kind: Deployment
metadata: {name: orders}
spec:
  replicas: 2
  selector: {matchLabels: {app: orders}}
  template:
    metadata: {labels: {app: orders}}
    spec:
      terminationGracePeriodSeconds: 3
      containers:
      - name: orders
        image: registry.local/busybox:1
        imagePullPolicy: Never
        # It serves on for a second when it is asked to end, as one should that is behind a Service.
        command: [sh, -c, "echo ok >/tmp/ready; httpd -p 8080 -h /tmp; trap 'sleep 1; exit' TERM; while :; do sleep 0.1; done"]
        readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: orders}
spec: {selector: {app: orders}, ports: [{port: 8000, targetPort: 8080}]}
YAML
kubectl -n orders rollout status deployment/orders --timeout=60s >/dev/null

# What the README asks its reader to put into files.
changed() { # FILE SED-EXPRESSION...: every expression changes something
  local file=$work/$1 expression
  for expression in "${@:2}"; do
    cp "$file" "$work/old"
    sed -i -e "$expression" "$file"
    ! cmp -s "$work/old" "$file" || fail "README.md and $1 do not fit together: '$expression' changes nothing"
    echo "  in $1: $expression"
  done
}
echo "what a reader changes:"
changed experiments/start-here.yaml "s#namespace: shop#namespace: orders#" "s#deployment: checkout#deployment: orders#" \
  "s#service: checkout, port: 80, path: /healthz#service: orders, port: 8000, path: /ready#" "s#CheckoutDown#OrdersDown#" \
  "s#team-checkout#team-orders#" "s#stableFor: 1m#stableFor: 5s#"
changed README.md "s#here .shop.#here orders#" "s#enable shop#enable orders --yes#" "s#disable shop#disable orders --yes#" "s#-n shop#-n orders#g" \
  "s#--wait\$#--wait --yes#" "s#http://prometheus[^ ]*#http://$CONTROL_IP:9090#" "s#http://alertmanager[^ ]*#http://$CONTROL_IP:9093#"

cat >"$work/bin/docker" <<'SH'
#!/bin/bash
# build -t NAME -f - FOLDER | push NAME
set -euo pipefail
echo "replaced: docker $* (no registry: packed here and loaded into the nodes)"
[ "$1" != push ] || exit 0
recipe=$(cat)
for part in "FROM scratch" "COPY firedrill /firedrill" "USER 65532" 'ENTRYPOINT ["/firedrill"]'; do
  grep -qF "$part" <<<"$recipe" || { echo "the image's recipe lacks $part" >&2; exit 1; }
done
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp "${!#}/firedrill" "$root/"
python3 "$HERE/mkoci.py" "$root.tar" "$3" "$root" --entrypoint '["/firedrill"]' --user 65532 >/dev/null
for node in $NODES; do "$HERE/load.sh" "$node" "$root.tar"; done
rm "$root.tar"
SH
chmod +x "$work/bin/docker"

# The commands: every ```sh block between that heading and the next, in order.
awk '/^## /{on = /^## On your own cluster/} on && /^ *```sh/{code = 1; next} /^ *```/{if (code) print "#end"; code = 0} code && on {sub(/^   /, ""); print}' \
  "$work/README.md" | csplit -s -z -f "$work/block-" - '/^#end$/+1' '{*}'
blocks=("$work"/block-*)
[ ${#blocks[@]} = 7 ] || fail "README.md has ${#blocks[@]} blocks of commands there; this test knows 7"
run_block() { # FILE [KUBECONFIG]
  echo "--- $(basename "$1")"
  sed '/^#end/d; s/^/$ /' "$1"
  printf 'set -e\ncd %s\nexport PATH=%s:$PATH\n' "$work" "$work/bin" | cat - "$1" >"$1.sh"
  tests/cluster/shell.sh env -u FIREDRILL_CONFIG KUBECONFIG="${2:-$KUBECONFIG}" HERE="$HERE" bash "$1.sh" </dev/null ||
    fail "a command of README.md failed"
}
# Before anything is installed, and with definitions of another version, people are told what to do.
told() { # CODE TEXT FIREDRILL-ARGUMENTS...
  local code=0 said
  said=$(tests/cluster/shell.sh env KUBECONFIG="$KUBECONFIG" firedrill -n orders "${@:3}" 2>&1) || code=$?
  [ "$code" = "$1" ] && grep -qF -- "$2" <<<"$said" || fail "firedrill ${*:3} ended with $code and said: $said"
}
remedy="install it with: firedrill crds | kubectl apply -f -"
told 4 "$remedy" run -f "$work/experiments/start-here.yaml" --yes
told 4 "is missing; $remedy" doctor
target/release/firedrill crds | kubectl apply -f - >/dev/null
until_ok 20 kubectl get experiments.firedrill.dev
kubectl patch crd experiments.firedrill.dev --type json \
  -p '[{"op": "remove", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/openDebrief"}]' >/dev/null
told 4 "is of another version; $remedy" doctor
target/release/firedrill crds | kubectl delete -f - >/dev/null

run_block "${blocks[0]}"
# A Secret that is missing, or holds something else, is told at once and changes nothing; without a cluster
# nobody can know.
helm() { inside cp env KUBECONFIG="$KUBECONFIG" "$BIN/helm" "$@" charts/firedrill -n firedrill-system --set image.repository=none; }
asks_for_the_secret() { # TEXT
  local said
  ! said=$(helm upgrade firedrill --reuse-values --wait --timeout 5s --set webhook.tokenSecret=firedrill-webhook 2>&1) &&
    grep -qF "webhook.tokenSecret: $1" <<<"$said" || fail "with a bad Secret helm said: $said"
}
asks_for_the_secret "there is no Secret firedrill-webhook in namespace firedrill-system; create it first: kubectl -n firedrill-system create secret generic firedrill-webhook --from-literal=token="
kubectl -n firedrill-system create secret generic firedrill-webhook --from-literal=other=x >/dev/null
asks_for_the_secret 'Secret firedrill-webhook in namespace firedrill-system has no key `token`; delete it and create it anew: '
kubectl -n firedrill-system delete secret firedrill-webhook >/dev/null
helm template --kube-version 1.33.0 --set webhook.tokenSecret=anything >/dev/null
kubectl -n firedrill-system wait --for=condition=Ready pod -l app.kubernetes.io/component=operator --timeout=1s >/dev/null
run_block "${blocks[1]}"
# Alertmanager sends to the operator's Service with that token.
kubectl -n firedrill-system get secret firedrill-webhook -o jsonpath='{.data.token}' | base64 -d >"$STATE/mon/token"
address=$(kubectl -n firedrill-system get service firedrill -o jsonpath='{.spec.clusterIP}')
WEBHOOK=http://$address:9480/v1/alertmanager tests/cluster/monitoring.sh reload
run_block "${blocks[2]}"
run_block "${blocks[3]}"
# Who has these two roles and nothing else follows the rest of it.
sed 's#user: {client#user: {as: NAME, client#' "$KUBECONFIG" >"$work/name.kubeconfig"
[ "$(inside cp env KUBECONFIG="$work/name.kubeconfig" "$BIN/kubectl" auth whoami -o jsonpath='{.status.userInfo.username}')" = NAME ] ||
  fail "the commands of an ordinary user would not run as one"
run_block "${blocks[4]}" "$work/name.kubeconfig"
verdict=$(kubectl -n orders get experimentruns -o jsonpath='{.items[*].status.verdict} {.items[*].status.reason}')
[ "$verdict" = "Passed Tolerated" ] || fail "the first experiment ended with: $verdict"
code=$(inside cp curl -s -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $(cat "$STATE/mon/token")" -d '{"version": "4", "alerts": []}' "http://$address:9480/v1/alertmanager")
[ "$code" = 200 ] || fail "the operator answers Alertmanager's notification with $code"
run_block "${blocks[5]}"
found() { kubectl get crd,namespace,clusterrole,clusterrolebinding,validatingadmissionpolicy,validatingadmissionpolicybinding -o name | grep -i firedrill; }
left=$(found | grep -v -e ^customresourcedefinition -e ^namespace/firedrill-system$ || true)
[ -z "$left" ] || fail "uninstalling left: $left"
[ -n "$(kubectl get safetylevers -o name)" ] || fail "the lever did not stay"
granted=$(kubectl -n orders get serviceaccounts,roles,rolebindings -o name | grep firedrill || true)
[ -z "$granted" ] || fail "disabling left: $granted"
kubectl -n orders apply -f - >/dev/null <<'YAML'
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: late, labels: {firedrill.dev/fault: x.1.revoked}}
spec: {podSelector: {matchLabels: {firedrill.dev/inert: "true"}}}
YAML
kubectl -n orders label deployment/orders service/orders firedrill.dev/fault=x.1.revoked >/dev/null
kubectl -n orders annotate replicasets --all firedrill.dev/deadline=x firedrill.dev/{at,was,set}-replicas=x >/dev/null
run_block "${blocks[6]}"
marked=$(kubectl get deployments,statefulsets,daemonsets,services,pods,networkpolicies -A -l firedrill.dev/fault -o name)
[ -z "$marked" ] || fail "the mark of a fault is left on: $marked"
! kubectl -n orders get replicasets -o yaml | grep firedrill.dev || fail "annotations of a fault are left on ReplicaSets"
left=$(found || true)
[ -z "$left" ] || fail "deleting the rest left: $left"
kubectl -n orders rollout status deployment/orders --timeout=30s
echo "README: 7 blocks of commands ran as they stand there; nothing of firedrill is left"
