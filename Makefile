SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help demo test check build bench accuracy matrix faults neighbours gamedays debriefs vm-check validate fuzz fuzz-port garbage scale cluster-up cluster-down shell crds

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Build, bring up a local cluster, run three experiments on a demo shop, show the debrief
	@tests/demo.sh

test: ## Run every test, on a real cluster too; installs what it needs
	@tests/test.sh

check: ## Every test that needs no cluster: format, lints, dependencies, unit tests, simulation
	@tests/check.sh && tests/dependencies.sh && tests/simulation.sh

accuracy: ## Compare what runs report with the truth, on the real cluster (about 15 minutes)
	@tests/accuracy.sh

matrix: ## Kill the operator at each of its writes, take away what a revert needs, and judge what becomes of it
	@tests/matrix.sh

faults: ## Run every fault in every variant on the real cluster, and show that nothing is left behind
	@tests/faults.sh

neighbours: ## Attack firedrill's pods as a neighbour in the cluster does, and show what that cost another tenant
	@tests/neighbours.sh

gamedays: ## Run game days: each gate closed, killed at each write, twenty at once, a thousand plans (about 30 minutes)
	@tests/gamedays.sh

debriefs: ## Hold debriefs against another language's calendar, over ten months, killed at each write, many (about 50 minutes)
	@tests/debriefs.sh

vm-check: ## Bring the cluster up in a virtual machine with a stock Debian, SUITE=trixie or bookworm
	@tests/cluster/vm-check.sh $(or $(SUITE),trixie) $(KERNEL)

bench: ## Print how fast and how small the operator is, beside the bare chain of the same API calls
	@tests/bench.sh

validate: ## Compare `firedrill validate` with the API server on 5,000 generated files
	@tests/validate.sh

fuzz: ## Read what others write, a million times, and matchers beside Alertmanager's own parser
	@tests/fuzz.sh

fuzz-port: ## Send requests of every shape to the operator's port, with runs under way
	@tests/fuzz-port.sh

garbage: ## Write garbage into every status, mark and annotation, and show that every object ends
	@tests/garbage.sh

scale: ## Start up to 1,000 runs at once, beside the bare chain of the same API calls
	@tests/scale.sh

build: ## Build the release binary (target/release/firedrill)
	@tests/build.sh

crds: ## Write what is generated in charts/firedrill: the CRDs, and the keys of alert sources
	@UPDATE=1 cargo test -q --test crds

cluster-up: ## Bring up the test cluster; the first time it is built from source, about ten minutes
	@tests/cluster/up.sh

cluster-down: ## Remove the test cluster without a trace
	@tests/cluster/down.sh

shell: ## Open a shell in which kubectl and firedrill reach the test cluster
	@tests/cluster/shell.sh
