#!/bin/bash
# etcd, API server, controller manager and scheduler, inside namespace cp.
set -euo pipefail
. "$(dirname "$0")/env.sh"
pki=$STATE/pki
mkdir -p "$STATE/etcd" "$STATE/log"
in_cp=(nsenter --net="$(netns cp)")

start etcd "${in_cp[@]}" "$BIN/etcd" --name e0 --data-dir "$STATE/etcd" \
  --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
  --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
  --initial-cluster e0=http://127.0.0.1:2380 --unsafe-no-fsync --quota-backend-bytes 8589934592 --log-level warn
start apiserver "${in_cp[@]}" "$BIN/kube-apiserver" \
  --etcd-servers=http://127.0.0.1:2379 --advertise-address=$CONTROL_IP --bind-address=0.0.0.0 --secure-port=6443 \
  --service-cluster-ip-range=$SERVICE_CIDR --allow-privileged=true \
  --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
  --client-ca-file="$pki/ca.crt" --tls-cert-file="$pki/apiserver.crt" --tls-private-key-file="$pki/apiserver.key" \
  --kubelet-client-certificate="$pki/apiserver-kubelet-client.crt" --kubelet-client-key="$pki/apiserver-kubelet-client.key" \
  --kubelet-certificate-authority="$pki/ca.crt" --kubelet-preferred-address-types=InternalIP \
  --service-account-issuer=https://kubernetes.default.svc.cluster.local \
  --service-account-key-file="$pki/sa.pub" --service-account-signing-key-file="$pki/sa.key" \
  --requestheader-client-ca-file="$pki/front-proxy-ca.crt" --requestheader-allowed-names=front-proxy-client \
  --requestheader-extra-headers-prefix=X-Remote-Extra- --requestheader-group-headers=X-Remote-Group \
  --requestheader-username-headers=X-Remote-User \
  --proxy-client-cert-file="$pki/front-proxy-client.crt" --proxy-client-key-file="$pki/front-proxy-client.key" \
  --enable-aggregator-routing=true --event-ttl=2h --v=1 \
  --audit-policy-file="$HERE/audit.yaml" --audit-log-path="$AUDIT_LOG" --audit-log-format=json \
  --audit-log-mode=blocking --audit-log-maxsize=2000 --audit-log-maxbackup=2
until_ok 60 inside cp curl -sf --cacert "$pki/ca.crt" --cert "$pki/admin.crt" --key "$pki/admin.key" https://$CONTROL_IP:6443/readyz
start kcm "${in_cp[@]}" "$BIN/kube-controller-manager" --kubeconfig="$pki/kcm.kubeconfig" \
  --authentication-kubeconfig="$pki/kcm.kubeconfig" --authorization-kubeconfig="$pki/kcm.kubeconfig" \
  --bind-address=127.0.0.1 --use-service-account-credentials=true --root-ca-file="$pki/ca.crt" \
  --service-account-private-key-file="$pki/sa.key" --cluster-signing-cert-file="$pki/ca.crt" \
  --cluster-signing-key-file="$pki/ca.key" --requestheader-client-ca-file="$pki/front-proxy-ca.crt" \
  --allocate-node-cidrs=false --leader-elect=false --kube-api-qps=500 --kube-api-burst=1000 \
  --node-monitor-period=2s --node-monitor-grace-period="$(seconds 20)" --service-cluster-ip-range=$SERVICE_CIDR --v=1
cat >"$STATE/scheduler.yaml" <<YAML
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: $pki/scheduler.kubeconfig, qps: 500, burst: 1000}
leaderElection: {leaderElect: false}
YAML
start scheduler "${in_cp[@]}" "$BIN/kube-scheduler" --config="$STATE/scheduler.yaml" \
  --authentication-kubeconfig="$pki/scheduler.kubeconfig" --authorization-kubeconfig="$pki/scheduler.kubeconfig" \
  --bind-address=127.0.0.1 --v=1
