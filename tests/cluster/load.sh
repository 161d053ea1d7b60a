#!/bin/bash
# Imports image archives into a node; pinned, as nothing could pull them again.  usage: load.sh NODE TAR...
set -euo pipefail
. "$(dirname "$0")/env.sh"
for archive in "${@:2}"; do
  ctr "$1" images import --label io.cri-containerd.pinned=pinned "$archive" >>"$STATE/log/$1-images.log" 2>&1
done
