#!/bin/bash
# Packs firedrill into the operator's image and prints the archive's path; its name is the tag.
set -euo pipefail
. "$(dirname "$0")/env.sh"
binary=$("$ROOT/tests/build.sh")
tag=$(sha256sum "$binary" | cut -c1-12)
archive=$CACHE/operator/$tag.tar
if [ ! -f "$archive" ]; then
  mkdir -p "$CACHE/operator"
  find "$CACHE/operator" -name '*.tar' -mmin +600 -delete
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  install -s "$binary" "$root/firedrill"
  # A debug build has libraries, which go where it looks for them.
  libraries=$(ldd "$binary" 2>/dev/null | grep -o '/[^ ]*' || true)
  [ -z "$libraries" ] || xargs cp --parents -L -t "$root" <<<"$libraries"
  python3 "$HERE/mkoci.py" "$archive.new" "registry.local/firedrill:$tag" "$root" --entrypoint '["/firedrill"]' --user 65532 >/dev/null
  mv "$archive.new" "$archive"
fi
echo "$archive"
