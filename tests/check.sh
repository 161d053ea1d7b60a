#!/bin/bash
# Format, scripts, lints and unit tests: what needs no cluster and is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh

step "format"
cargo fmt --check
cargo fmt --check --manifest-path experiments/demo/shop/Cargo.toml
step "scripts"
command -v shellcheck >/dev/null || tests/cluster/packages.sh shellcheck
shellcheck -x -S warning -e SC1091,SC2154 tests/*.sh .ci/run tests/cluster/{env,preflight,packages,build,images,net,pki,control-plane,node,load,proxy,up,down,shell,monitoring,shop,chart,remove,operator,image,kwok,no-trace,machine,trace,refusals,vm-check,vm-inside}.sh
step "lints"
cargo clippy --locked --all-targets -- -D warnings
cargo clippy --locked --test debrief_protocol --test gameday_protocol --test matchers --test on_cluster --test protocol --test simulation -- -D warnings
step "unit tests"
cargo test --locked
