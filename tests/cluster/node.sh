#!/bin/bash
# One real node: containerd and kubelet in its own network namespace.  usage: node.sh NAME
set -euo pipefail
. "$(dirname "$0")/env.sh"
node=$1
i=$(index "$node")
dir=$STATE/$node
pki=$STATE/pki
mkdir -p "$dir"/{cni,containerd,kubelet,pods-log,state}
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  # cgroup v2: one tree. While this group hands every controller down, systemd cannot take one from the root.
  group=/sys/fs/cgroup/$ID-$node
  mkdir -p "$group"
  sed 's/[^ ]*/+&/g' "$group/cgroup.controllers" >"$group/cgroup.subtree_control"
else
  for tree in /sys/fs/cgroup/*/; do mkdir -p "$tree$ID-$node"; done
  # A new cpuset starts empty and must be given something before a process may enter.
  for file in cpuset.cpus cpuset.mems; do
    cat /sys/fs/cgroup/cpuset/$file >"/sys/fs/cgroup/cpuset/$ID-$node/$file"
  done
fi
cat >"$dir/cni/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false,
   "ipam": {"type": "host-local", "dataDir": "$dir/ipam", "ranges": [[{"subnet": "10.244.$i.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
cat >"$dir/containerd.toml" <<TOML
version = 3
root = "$dir/containerd"
state = "$dir/state"
[grpc]
  address = "$dir/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$dir/opt"
# Its socket would be one and the same for every containerd of the machine.
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.local/pause:3.10"
[plugins."io.containerd.cri.v1.runtime"]
  disable_apparmor = true
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
      BinaryName = "/usr/sbin/runc"
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["$BIN/cni"]
    conf_dir = "$dir/cni"
TOML
start "$node-containerd" env PATH="$BIN:$PATH" nsenter --net="$(netns "$node")" \
  "$BIN/containerd" -c "$dir/containerd.toml" --log-level warn
until_ok 20 ctr "$node" version
: >"$dir/resolv.conf"
cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true, cacheTTL: 10s}, x509: {clientCAFile: $pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $pki/$node.crt
tlsPrivateKeyFile: $pki/$node.key
containerRuntimeEndpoint: unix://$dir/containerd.sock
cgroupDriver: cgroupfs
cgroupRoot: /$ID-$node
failCgroupV1: false
failSwapOn: false
clusterDNS: [$DNS_IP]
clusterDomain: cluster.local
resolvConf: $dir/resolv.conf
podLogsDir: $dir/pods-log
volumePluginDir: $dir/volplugins
serializeImagePulls: false
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
evictionHard: {memory.available: 200Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
enforceNodeAllocatable: [pods]
nodeStatusUpdateFrequency: 5s
syncFrequency: 10s
maxOpenFiles: 20000
maxPods: 200
kubeAPIQPS: 100
kubeAPIBurst: 200
registerNode: true
YAML
start "$node-kubelet" env PATH="$BIN:$PATH" nsenter --net="$(netns "$node")" "$BIN/kubelet" \
  --config="$dir/kubelet.yaml" --kubeconfig="$pki/$node.kubeconfig" --root-dir="$dir/kubelet" \
  --hostname-override="$node" --node-ip="172.30.0.$((10 + i))" --node-labels=ground/real=true --v=2
"$HERE/load.sh" "$node" "$IMAGES"/*.tar
