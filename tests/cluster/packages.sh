#!/bin/bash
# Installs what comes from Debian. No service is started, now or with the machine.
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
# What starts with the machine: systemd's links, and those of an init of the old kind.
starting() { find /etc/systemd/system /etc/rc?.d -type l 2>/dev/null | grep -E '\.wants/|/S[0-9]' | sort || true; }
before=$(starting)
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
# A package enables its service for the next start of the machine, whatever policy-rc.d says.
comm -13 <(echo "$before") <(starting) | while read -r link; do
  name=$(basename "$link")
  case $link in
    */rc?.d/*) update-rc.d "${name#S[0-9][0-9]}" disable >/dev/null 2>&1 || true ;;
    # It refuses to be called by hand unless it is told a package.
    *) DPKG_MAINTSCRIPT_PACKAGE=firedrill deb-systemd-helper disable "$name" >/dev/null ;;
  esac
done
