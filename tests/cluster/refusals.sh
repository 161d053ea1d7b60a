#!/bin/bash
# What preflight.sh says of machines that lack something. Each lack is planted: a program of the same name
# goes before the real one, or other files stand in the place of /sys/fs/cgroup, in a mount namespace.
set -euo pipefail
. "$(dirname "$0")/env.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
count=0

program() { # NAME SCRIPT
  mkdir -p "$work/bin"
  printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
cgroup() { # CONTROLLERS HANDED-DOWN [TYPE]: cgroup v2
  mkdir -p "$work/cgroup"
  echo "$1" >"$work/cgroup/cgroup.controllers"
  echo "$2" >"$work/cgroup/cgroup.subtree_control"
  [ $# -lt 3 ] || echo "$3" >"$work/cgroup/cgroup.type"
  echo 1 >"$work/cgroup/cgroup.procs"
}
read_only=
preflight() {
  if [ -d "$work/cgroup" ]; then
    unshare -m bash -c 'mount --bind "$1/cgroup" /sys/fs/cgroup && { [ -z "$2" ] || mount -o remount,bind,ro /sys/fs/cgroup; } &&
      PATH="$1/bin:$PATH" "$3/preflight.sh"' bash "$work" "$read_only" "$HERE"
  else
    PATH="$work/bin:$PATH" "$HERE/preflight.sh"
  fi
}
expect() { # WHAT SENTENCE: preflight.sh refuses with exactly this
  local said code=0
  said=$(preflight 2>&1 >/dev/null) || code=$?
  count=$((count + 1))
  if [ $code != 1 ] || [ "$said" != "This machine cannot run the test cluster yet. Missing:
  - $2" ]; then
    printf 'of %s preflight.sh should say (exit 1):\n  - %s\nand says (exit %s):\n%s\n' "$1" "$2" $code "$said" >&2
    failed=$((failed + 1))
  fi
  accept
}
accept() { # begins anew, without a lack
  rm -rf "${work:?}/bin" "$work/cgroup"
  read_only=
}
all="cpuset cpu io memory hugetlb pids rdma misc"
divide="cgroups that this container may divide, which it may not under /sys/fs/cgroup: start it with 'docker run --privileged --cgroupns=host', or use the machine itself."
rust=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")

cgroup "${all/cpuset /}" "cpu memory pids"
expect "a machine without cpuset" "the cgroup controller 'cpuset' under /sys/fs/cgroup: a kernel parameter (cgroup_disable) switched it off, or the host of this container keeps it."
cgroup "$all" "cpu memory pids" domain
expect "a container whose topmost group holds processes" "$divide"
cgroup "$all" "cpu memory pids"
read_only=yes
expect "a container whose cgroups are read-only" "$divide"
program uname '[ "$1" = -m ] && echo aarch64 || echo Linux'
expect "arm64" "an x86_64 processor: this is aarch64, which was never tried."
program df 'printf "Filesystem 1024-blocks Used Available Capacity Mounted\n/dev/vda 9 9 3145728 9%% /\n"'
expect "3 GB of disk" "$([ -e "$BIN/kube-apiserver" ] && echo 4 || echo 16) GB of free disk under $CACHE: there are 3."
program apt-cache 'echo "  Candidate: 2:1.19~1"'
program go 'echo go1.20.14'
expect "Go 1.20 on Debian 12" "Go 1.26, or 1.21 or later, which fetches it; this is 1.20.14: curl -sSfL https://go.dev/dl/go1.26.0.linux-amd64.tar.gz | tar -xzC /usr/local && export PATH=/usr/local/go/bin:\$PATH"
program apt-cache 'echo "  Candidate: 2:1.24~2"'
program go 'exit 127'
expect "no Go on Debian 13" "Go 1.26, or 1.21 or later, which fetches it: apt-get install golang-go"
program rustup 'exit 0'
program cargo 'echo "cargo 1.85.0"'
expect "an old Rust by rustup" "Rust $rust or later, this is 1.85.0: rustup update stable && rustup default stable"

# And what is enough.
enough() { # WHAT
  count=$((count + 1))
  preflight >/dev/null || { echo "preflight.sh refuses $1" >&2; failed=$((failed + 1)); }
  accept
}
cgroup "$all" "cpu memory pids"
enough "the root group of a stock Debian 13"
cgroup "$all" "$all" domain
enough "a container to which every controller was handed down"
program go 'echo go1.22.2'
enough "a Go that fetches the one that it needs"
program cargo 'echo "cargo 1.100.0"'
enough "a later Rust"
echo "preflight: $((count - failed)) of $count machines are judged as they should"
[ $failed = 0 ]
