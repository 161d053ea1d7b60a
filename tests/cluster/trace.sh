#!/bin/bash
# What one cluster leaves on the machine: looked at before it starts and after it is gone, then compared.
# What belongs to other clusters of firedrill does not count.
#
# usage: trace.sh look FOLDER | compare FOLDER-BEFORE FOLDER-AFTER
set -euo pipefail
. "$(dirname "$0")/env.sh"
others='firedrill-[0-9a-f]{8}'

look() { # FOLDER
  mkdir -p "$1"
  pgrep -fa "$STATE/" >"$1/processes" || true
  grep -ls "$STATE/" /proc/[0-9]*/mountinfo | cut -d/ -f3 | sort >>"$1/processes" || true
  awk '{print $5}' /proc/self/mountinfo | grep -vE "^/var/tmp/$others/" | sort >"$1/mounts"
  ip netns list | awk '{print $1}' | grep -vxE "$others-[a-z0-9]+" | sort >"$1/namespaces" || true
  ip -o link | awk -F': ' '{print $2}' | sort >"$1/links"
  nft list ruleset >"$1/nft" 2>/dev/null || true
  find /sys/fs/cgroup -maxdepth 2 -name "$ID*" | sort >"$1/cgroups"
  # On cgroup v1 every controller has a tree of its own and nothing is handed down.
  cat /sys/fs/cgroup/cgroup.subtree_control >"$1/controllers" 2>/dev/null || true
  machine_modules >"$1/modules"
  # What starts with the machine, by systemd's links and by those of an init of the old kind.
  find /etc/systemd/system /etc/rc?.d -type l 2>/dev/null | sort >"$1/units" || true
  machine_sysctls >"$1/sysctls"
  find /var/tmp /run -maxdepth 1 \( -name '*firedrill*' -o -name containerd -o -name netns \) | grep -vE "/$others$" | sort >"$1/files" || true
  find "$CLUSTERS" -name "$ID*" >>"$1/files" 2>/dev/null || true
}

compare() { # BEFORE AFTER
  local part difference kinds=0 failed=0
  for part in "$1"/*; do
    part=$(basename "$part")
    kinds=$((kinds + 1))
    if ! difference=$(diff "$1/$part" "$2/$part"); then
      printf 'left behind in %s:\n%s\n' "$part" "$difference"
      failed=$((failed + 1))
    fi
  done
  echo "no trace: $((kinds - failed)) of $kinds kinds are as they were"
  [ $failed = 0 ]
}

"$@"
