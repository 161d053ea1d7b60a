#!/bin/bash
# Licences, sources and bans of every crate that firedrill depends on.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
deny=$CACHE/tools/bin/cargo-deny
# It runs for a second, and is built for minutes where it is optimized.
[ -x "$deny" ] || CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off cargo install -q --locked --version 0.20.2 --root "$CACHE/tools" cargo-deny
step "dependencies"
"$deny" --log-level error check bans licenses sources
