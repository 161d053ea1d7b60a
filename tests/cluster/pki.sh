#!/bin/bash
# Certificates, the service account key and kubeconfigs, all under $STATE/pki.
set -euo pipefail
. "$(dirname "$0")/env.sh"
mkdir -p "$STATE/pki"
chmod 700 "$STATE/pki"
cd "$STATE/pki"
new_key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)

authority() { # NAME
  [ -f "$1.crt" ] || openssl req -x509 "${new_key[@]}" -keyout "$1.key" -out "$1.crt" -days 3650 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign,digitalSignature 2>/dev/null
}
certificate() { # NAME SUBJECT AUTHORITY USAGE [ALTERNATIVE NAMES]
  [ -f "$1.crt" ] && return
  openssl req "${new_key[@]}" -keyout "$1.key" -out "$1.csr" -subj "$2" 2>/dev/null
  {
    echo "basicConstraints=CA:FALSE"
    echo "keyUsage=critical,digitalSignature,keyEncipherment"
    echo "extendedKeyUsage=$4"
    [ -z "${5:-}" ] || echo "subjectAltName=$5"
  } >"$1.ext"
  openssl x509 -req -in "$1.csr" -CA "$3.crt" -CAkey "$3.key" -CAcreateserial -days 3650 -out "$1.crt" -extfile "$1.ext" 2>/dev/null
  rm "$1.csr" "$1.ext"
}
kubeconfig() { # NAME
  cat >"$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
clusters: [{name: firedrill-test, cluster: {server: "https://$CONTROL_IP:6443", certificate-authority-data: $(base64 -w0 ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}}]
contexts: [{name: firedrill-test, context: {cluster: firedrill-test, user: $1}}]
current-context: firedrill-test
YAML
}

authority ca
authority front-proxy-ca
[ -f sa.key ] || {
  openssl genrsa -out sa.key 2048 2>/dev/null
  openssl rsa -in sa.key -pubout -out sa.pub 2>/dev/null
}
names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost"
certificate apiserver /CN=kube-apiserver ca serverAuth "$names,IP:10.96.0.1,IP:$CONTROL_IP,IP:127.0.0.1"
certificate apiserver-kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client ca clientAuth
certificate front-proxy-client /CN=front-proxy-client front-proxy-ca clientAuth
certificate admin /O=system:masters/CN=admin ca clientAuth
certificate kcm /CN=system:kube-controller-manager ca clientAuth
certificate scheduler /CN=system:kube-scheduler ca clientAuth
certificate kube-proxy /CN=system:kube-proxy ca clientAuth
certificate netpol /CN=system:netpol ca clientAuth
certificate kwok /O=system:masters/CN=kwok ca clientAuth,serverAuth "DNS:localhost,IP:127.0.0.1,IP:$CONTROL_IP"
for node in $NODES; do
  certificate "$node" "/O=system:nodes/CN=system:node:$node" ca clientAuth,serverAuth "DNS:$node,IP:172.30.0.$((10 + $(index "$node")))"
done
for name in admin kcm scheduler kube-proxy netpol kwok $NODES; do kubeconfig "$name"; done
