#!/bin/bash
# Packs the images of the cluster itself, without a registry: pause, busybox and CoreDNS.
set -euo pipefail
. "$(dirname "$0")/env.sh"
mkdir -p "$IMAGES"
stamp=$(cat "$HERE/pause.c" "$HERE/mkoci.py" "$0" "$BIN/coredns" /bin/busybox | sha256sum)
[ "$(cat "$IMAGES/.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p pause coredns busybox/{bin,tmp,etc,root}
gcc -Os -static -s -o pause/pause "$HERE/pause.c"
cp /bin/busybox busybox/bin/busybox
for applet in $(/bin/busybox --list); do
  [ "$applet" = busybox ] || ln -sf busybox "busybox/bin/$applet"
done
echo 'root:x:0:0:root:/root:/bin/sh' >busybox/etc/passwd
cp "$BIN/coredns" coredns/
python3 "$HERE/mkoci.py" "$IMAGES/pause.tar" registry.local/pause:3.10 pause --entrypoint '["/pause"]'
python3 "$HERE/mkoci.py" "$IMAGES/busybox.tar" registry.local/busybox:1 busybox --cmd '["/bin/sh"]'
python3 "$HERE/mkoci.py" "$IMAGES/coredns.tar" registry.local/coredns:1 coredns --entrypoint '["/coredns"]'
echo "$stamp" >"$IMAGES/.stamp"
