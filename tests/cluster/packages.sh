#!/bin/bash
# Installs what comes from Debian. Installing starts no service: policy-rc.d says no meanwhile.
#
# usage: packages.sh [NAME...]    all that a cluster needs, or just these
set -euo pipefail
packages=("$@")
[ $# -gt 0 ] || packages=(runc nftables iptables ipset conntrack iproute2 ethtool socat openssl jq curl gcc libc6-dev
  busybox-static iputils-ping prometheus-alertmanager python3 procps)
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
echo "installing from Debian: ${missing[*]}"
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy
  chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
