#!/bin/bash
# Lives through seeded worlds, and through every state of the protocols of a fault, of a game day and of a debrief.
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/cluster/env.sh
step "simulation"
SIMULATION_SEEDS=20000 cargo test --locked --profile simulation --test simulation -- --nocapture --test-threads=1
step "protocol"
PROTOCOL_FULL=1 cargo test --locked --profile simulation --test protocol -- --nocapture --test-threads=1
step "protocol of a game day"
PROTOCOL_FULL=1 cargo test --locked --profile simulation --test gameday_protocol -- --nocapture --test-threads=1
step "protocol of a debrief"
cargo test --locked --profile simulation --test debrief_protocol -- --nocapture --test-threads=1
