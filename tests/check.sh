#!/bin/bash
# Everything that needs no cluster: format, lints, licences and dependencies, unit tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh

step "format"
cargo fmt --check
cargo fmt --check --manifest-path experiments/demo/shop/Cargo.toml
step "scripts"
command -v shellcheck >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq shellcheck >/dev/null
shellcheck -x -S warning -e SC1091,SC2154 tests/*.sh .ci/run tests/cluster/{env,preflight,packages,build,images,net,pki,control-plane,node,load,proxy,up,down,shell,monitoring,shop,chart,operator,image,kwok,no-trace}.sh
step "lints"
cargo clippy --locked --all-targets -- -D warnings
cargo clippy --locked --test on_cluster --test protocol --test simulation -- -D warnings
step "dependencies"
deny=$CACHE/tools/bin/cargo-deny
[ -x "$deny" ] || cargo install -q --locked --version 0.20.2 --root "$CACHE/tools" cargo-deny
"$deny" --log-level error check bans licenses sources
step "unit tests"
cargo test --locked
step "simulation"
SIMULATION_SEEDS=20000 cargo test --locked --profile simulation --test simulation -- --nocapture --test-threads=1
step "protocol"
PROTOCOL_FULL=1 cargo test --locked --profile simulation --test protocol -- --nocapture --test-threads=1
