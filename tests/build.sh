#!/bin/bash
# Builds the release binary, static so that its image needs nothing else, and prints its path.
set -euo pipefail
cd "$(dirname "$0")/.."
target=x86_64-unknown-linux-gnu
RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target} \
  cargo build --release --locked --target $target >&2
binary=$(realpath "${CARGO_TARGET_DIR:-target}/$target/release/firedrill")
# People and `make shell` find it where cargo usually puts it.
mkdir -p target/release
ln -sf "$binary" target/release/firedrill
ln -sf "$binary" target/release/kubectl-firedrill
echo "$binary"
