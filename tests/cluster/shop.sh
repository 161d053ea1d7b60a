#!/bin/bash
# Builds the demo shop's image, loads it into every node, starts the shop and lets experiments run there.
#
# usage: shop.sh [SERVICE...]    waits until these are up; default all three
#        shop.sh image           builds its image alone and prints the archive's path
set -euo pipefail
. "$(dirname "$0")/env.sh"
source=$ROOT/experiments/demo/shop
stamp=$(cat "$source/Cargo.toml" "$source/Cargo.lock" "$source/src/main.rs" "$HERE/mkoci.py" | sha256sum | cut -c1-16)
archive=$CACHE/shop/$stamp.tar
if [ ! -f "$archive" ]; then
  mkdir -p "$CACHE/shop"
  target=$(rust_host)
  RUSTFLAGS="-C target-feature=+crt-static" CARGO_TARGET_DIR=$CACHE/shop/target \
    cargo build -q --release --locked --target "$target" --manifest-path "$source/Cargo.toml"
  root=$(mktemp -d)
  cp "$CACHE/shop/target/$target/release/shop" "$root/shop"
  python3 "$HERE/mkoci.py" "$archive.new" registry.local/shop:1 "$root" --entrypoint '["/shop"]' >/dev/null
  mv "$archive.new" "$archive"
  rm -rf "$root"
fi
if [ "${1:-}" = image ]; then
  echo "$archive"
  exit 0
fi
for node in $NODES; do "$HERE/load.sh" "$node" "$archive"; done
kubectl apply -f "$source/shop.yaml" >/dev/null
persistently "$HERE/shell.sh" "$("$ROOT/tests/build.sh")" enable shop --yes >/dev/null
services=("$@")
[ ${#services[@]} -gt 0 ] || services=(storefront checkout payments)
for service in "${services[@]}"; do
  kubectl -n shop rollout status "deployment/$service" --timeout="$(seconds 120)" >/dev/null
done
