#!/bin/bash
# The network: namespace cp is a bridge with the control plane; every node is a namespace behind a
# link v<node>. Static routes instead of an overlay.
set -euo pipefail
. "$(dirname "$0")/env.sh"
ip netns add "$ID-cp"
inside cp ip link set lo up
inside cp ip link add kbr0 type bridge
inside cp ip addr add $CONTROL_IP/24 dev kbr0
inside cp ip link set kbr0 up
inside cp sysctl -qw net.ipv4.ip_forward=1
inside cp ip route add $SERVICE_CIDR dev kbr0
for node in $NODES; do
  i=$(index "$node")
  ip netns add "$ID-$node"
  inside "$node" ip link set lo up
  inside "$node" ip link add eth0 type veth peer name "v$node" netns "$ID-cp"
  inside cp ip link set "v$node" master kbr0 up
  inside "$node" ip addr add "172.30.0.$((10 + i))/24" dev eth0
  inside "$node" ip link set eth0 up
  inside "$node" ip route add default via $CONTROL_IP
  inside "$node" sysctl -qw net.ipv4.ip_forward=1
  # Traffic between two pods of one node passes the forward hook, where NetworkPolicies are enforced.
  inside "$node" sysctl -qw net.bridge.bridge-nf-call-iptables=1
  inside cp ip route add "10.244.$i.0/24" via "172.30.0.$((10 + i))"
  for other in $NODES; do
    j=$(index "$other")
    [ "$other" = "$node" ] || inside "$node" ip route add "10.244.$j.0/24" via "172.30.0.$((10 + j))"
  done
done
