#!/bin/bash
# Brings a second cluster up beside whatever runs here, kills a part of it, removes it, and compares
# the machine with how it was: processes, mounts, namespaces, links, nft, cgroups, sysctls, files.
#
# usage: no-trace.sh [--plant]    --plant leaves a mount behind, to see that it is found
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
export FIREDRILL_STATE=/var/tmp/firedrill-trace-$$
id=$(basename "$FIREDRILL_STATE")
work=$(mktemp -d)
cleanup() {
  "$here/down.sh"
  umount "$FIREDRILL_STATE/planted" 2>/dev/null || true
  rm -rf "$work" "$FIREDRILL_STATE"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

look() { # FOLDER
  mkdir -p "$1"
  pgrep -fa "$FIREDRILL_STATE" | grep -v no-trace >"$1/processes" || true
  # Another cluster's pods come and go meanwhile; their mounts lie in that cluster's own state.
  awk -v own="$FIREDRILL_STATE" '$5 !~ "^/var/tmp/firedrill-" || index($5, own) == 1 {print $5}' \
    /proc/self/mountinfo | sort >"$1/mounts"
  ip netns list | sort >"$1/namespaces"
  ip -o link | awk -F': ' '{print $2}' | sort >"$1/links"
  nft list ruleset >"$1/nft" 2>/dev/null || true
  find /sys/fs/cgroup -maxdepth 2 -name "$id*" | sort >"$1/cgroups"
  sysctl vm.overcommit_memory kernel.panic kernel.panic_on_oops fs.inotify.max_user_instances >"$1/sysctls"
  find /var/tmp /run -maxdepth 1 -name '*firedrill*' | sort >"$1/files"
}

look "$work/before"
"$here/up.sh" >/dev/null
# A cluster of which something was killed is removed just as well.
kill -9 "$(cat "$FIREDRILL_STATE/run/n1-containerd.pid")" "$(cat "$FIREDRILL_STATE/run/kcm.pid")"
"$here/down.sh"
if [ "${1:-}" = --plant ]; then
  mkdir -p "$FIREDRILL_STATE/planted"
  mount -t tmpfs planted "$FIREDRILL_STATE/planted"
fi
look "$work/after"
failed=0
for part in processes mounts namespaces links nft cgroups sysctls files; do
  if ! diff "$work/before/$part" "$work/after/$part" >"$work/diff"; then
    echo "left behind in $part:"
    cat "$work/diff"
    failed=$((failed + 1))
  fi
done
echo "no trace: $((8 - failed)) of 8 kinds are as they were"
[ $failed = 0 ]
