#!/bin/bash
# Looks at every time of a plan, and at every question, around every change of every clock in ten years; a sample of
# them is in `make check`. The figures go to target/evidence/schedule.json.
set -euo pipefail
cd "$(dirname "$0")/.."
SCHEDULE=all cargo test -q --locked --profile simulation --test schedule nothing_is_missed -- --nocapture
