#!/bin/bash
# Builds firedrill and prints the binary's path. The release is linked statically, so that its image needs
# nothing else; with FIREDRILL_BUILD=debug it is a debug build, which is there several times sooner.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
folder=${CARGO_TARGET_DIR:-target}
if [ "${FIREDRILL_BUILD:-}" = debug ]; then
  quietly "building firedrill (debug)" "$ROOT/target/log/build-debug.log" cargo build --locked --bin firedrill --example netpol
  binary=$(realpath "$folder/debug/firedrill")
else
  target=$(rust_host)
  RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=$folder \
    quietly "building firedrill (release)" "$ROOT/target/log/build-release.log" cargo build --release --locked --target "$target"
  binary=$(realpath "$folder/$target/release/firedrill")
fi
# People and `make shell` find the one that was built last where cargo usually puts the release.
mkdir -p target/release
ln -sf "$binary" target/release/firedrill
ln -sf "$binary" target/release/kubectl-firedrill
echo "$binary"
