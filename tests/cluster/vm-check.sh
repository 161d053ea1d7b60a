#!/bin/bash
# Brings a cluster up in a virtual machine with a stock Debian, which has cgroup v2 and systemd, runs two
# experiments there, kills everything, brings it up again and removes it without a trace. The machine is
# emulated, so that it needs no hardware virtualization, and is many times slower for it.
#
# usage: vm-check.sh [SUITE] [KERNEL-PARAMETER...]    trixie or bookworm; default trixie
#   vm-check.sh bookworm systemd.unified_cgroup_hierarchy=0    the same with cgroup v1
set -euo pipefail
. "$(dirname "$0")/env.sh"
suite=${1:-trixie}
parameters=("${@:2}")
evidence=$ROOT/target/evidence/vm-check-$suite.json
work=$(mktemp -d)
vm=
cleanup() {
  [ -z "$vm" ] || kill "$vm" 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

"$HERE/preflight.sh"
"$HERE/packages.sh"
"$HERE/packages.sh" qemu-system-x86 mmdebstrap debian-archive-keyring e2fsprogs openssh-client
"$HERE/build.sh"
"$HERE/build.sh" helm
"$HERE/images.sh"
operator=$("$HERE/image.sh")
shop=$("$HERE/shop.sh" image)

# The root file system, as Debian installs it, and as packages.sh leaves it.
packages=systemd,systemd-sysv,dbus,udev,kmod,libpam-systemd,linux-image-amd64,initramfs-tools,zstd,openssh-server,ca-certificates
machine() { # FOLDER
  local root=$work/root
  mkdir -p "$1" "$root"
  mmdebstrap --quiet --variant=minbase --include=$packages --customize-hook="copy-in '$HERE/packages.sh' /tmp" \
    --customize-hook='chroot "$1" /tmp/packages.sh' "$suite" "$work/root.tar" 2>"$work/mmdebstrap.log" ||
    { cat "$work/mmdebstrap.log" >&2; exit 1; }
  tar -xf "$work/root.tar" -C "$root" --exclude='./dev/*'
  printf '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n' >"$root/etc/systemd/network/10-all.network"
  ln -sf /lib/systemd/system/systemd-networkd.service "$root/etc/systemd/system/multi-user.target.wants/"
  printf '/dev/vda / ext4 defaults 0 1\n/dev/vdb /srv ext4 defaults 0 2\n' >"$root/etc/fstab"
  mkdir -p "$root/root/.ssh"
  ln -s /srv/authorized_keys "$root/root/.ssh/authorized_keys"
  cp "$root"/boot/vmlinuz-* "$1/vmlinuz"
  cp "$root"/boot/initrd.img-* "$1/initrd"
  mke2fs -q -t ext4 -d "$root" "$1/root.img.new" 8G >/dev/null
  mv "$1/root.img.new" "$1/root.img"
  rm -rf "$root" "$work/root.tar"
}
base=$CACHE/vm/$suite-$( (declare -f machine; echo $packages; cat "$HERE/packages.sh") | sha256sum | cut -c1-12)
if [ ! -f "$base/root.img" ]; then
  echo "making a machine of Debian $suite, about four minutes"
  machine "$base"
fi

# A second disk with this checkout and what was built for it. There is no compiler in the machine.
disk=$work/disk
host=$(rust_host)
mkdir -p "$disk"/cache/{operator,shop} "$disk/bin" "$disk/firedrill/target/$host/release"
git -C "$ROOT" ls-files -z | (cd "$ROOT" && xargs -0 cp --parents -t "$disk/firedrill")
cp -r "$CACHE"/{bin,images,stamp} "$disk/cache/"
cp "$operator" "$disk/cache/operator/"
cp "$shop" "$disk/cache/shop/"
cp "$("$ROOT/tests/build.sh")" "$disk/firedrill/target/$host/release/"
printf '#!/bin/sh\necho "%s"\n' "$(cargo --version)" >"$disk/bin/cargo"
printf '#!/bin/sh\necho "%s"\n' "$(go env GOVERSION)" >"$disk/bin/go"
printf '#!/bin/sh\necho "host: %s"\n' "$host" >"$disk/bin/rustc"
chmod +x "$disk"/bin/*
ssh-keygen -q -t ed25519 -N '' -f "$work/key"
cp "$work/key.pub" "$disk/authorized_keys"
chmod 600 "$disk/authorized_keys"
mke2fs -q -t ext4 -d "$disk" "$work/disk.img" 6G >/dev/null
rm -rf "$disk"

# Go's programs sleep for microseconds at a time; with timers of the machine's own ticks alone (highres=off) that
# costs an emulated processor a fraction.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
qemu-system-x86_64 -accel tcg,thread=multi,tb-size=1024 -cpu max,la57=off -smp 2 -m 6144 -nodefaults -nographic \
  -serial "file:$work/serial.log" -kernel "$base/vmlinuz" -initrd "$base/initrd" \
  -append "root=/dev/vda rw console=ttyS0 mitigations=off highres=off ${parameters[*]}" \
  -drive "file=$base/root.img,format=raw,if=virtio,cache=unsafe,snapshot=on" \
  -drive "file=$work/disk.img,format=raw,if=virtio,cache=unsafe" \
  -netdev "user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:$port-:22" -device virtio-net-pci,netdev=n \
  -device virtio-rng-pci -no-reboot &
vm=$!
in_vm() {
  ssh -q -p "$port" -i "$work/key" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \
    -o ConnectTimeout=10 -o ServerAliveInterval=30 -o ServerAliveCountMax=20 root@127.0.0.1 "$@"
}
echo "waiting for the machine, about a minute"
SLOW=1 until_ok 400 in_vm true || { tail -20 "$work/serial.log" >&2; exit 1; }
code=0
in_vm env FIREDRILL_CACHE=/srv/cache FIREDRILL_SLOW="${FIREDRILL_SLOW:-15}" NODES=n1 PATH="/srv/bin:/usr/sbin:/usr/bin:/sbin:/bin" \
  /srv/firedrill/tests/cluster/vm-inside.sh | tee "$work/said" || code=$?
mkdir -p "$(dirname "$evidence")"
sed -n 's/^evidence: //p' "$work/said" >"$evidence"
exit $code
