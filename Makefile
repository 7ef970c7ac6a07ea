# `make demo` and `make test` do all of their set-up themselves and can be run again. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
export PATH := $(PATH):$(HOME)/.cargo/bin:/usr/local/go/bin

step := tests/tools/step.sh
cluster := tests/cluster/cluster.sh
on_cluster := tests/tools/on-cluster.sh
# Says what a run with CLUSTER=existing does without, and why.
left_out := tests/tools/left-out.sh
# All tests are built with the whole workspace and these: for other features, or for one package alone, Cargo would compile
# what lies below again.
# `--examples`, of which there are none, makes a build without tests resolve the features that tests need, for the same reason.
features := sluice-webhook/opentelemetry
images := busybox flink-1.20 flink-2.3

.PHONY: help
help: ## Lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: setup up ## Shows Sluice at work on a real cluster: a wrong spec refused, a right one running
	@$(step) "Build the demo" cargo build --quiet --package sluice-e2e --bin demo
	$(on_cluster) cargo run --quiet --package sluice-e2e --bin demo

.PHONY: test
test: setup lint test-unit test-chart test-cluster up test-images test-e2e ## Runs every test, the end-to-end ones last

.PHONY: setup
setup:
	@$(step) "Check the tools" tests/tools/setup.sh

.PHONY: up
up: setup ## Starts the one-node cluster with Sluice's and Flink's images loaded
	@$(step) "Start the cluster" $(cluster) up
	$(step) "Build and load the images" tests/tools/load-images.sh $(images)

.PHONY: down
down: ## Removes the cluster and everything it made on this machine
	@$(step) "Remove the cluster" $(cluster) down

.PHONY: env
env: ## Prints KUBECONFIG and PATH for: eval "$(make env)"
	@$(cluster) env

.PHONY: build
build: setup ## Builds the static release binaries
	@$(step) "Build the binaries" deploy/images/build.sh binaries

.PHONY: lint
lint: setup ## Formatting, Clippy, documentation, generated files
	@$(step) "Check the formatting" cargo fmt --all --check
	$(step) "Clippy" cargo clippy --quiet --workspace --all-targets --all-features --locked -- --deny warnings
	$(step) "Documentation" env RUSTDOCFLAGS=--deny=warnings cargo doc --quiet --workspace --all-features --no-deps --lib --bins --examples --locked
	$(step) "Generated manifests" deploy/kustomize/generate.sh --check

.PHONY: rules-doc
rules-doc: setup ## Writes docs/rules.md from the table of rules
	@text=$$(cargo run --quiet --package sluice-cli -- rules --markdown)
	echo "$$text" > docs/rules.md

.PHONY: deny
deny: setup ## Licences, sources and duplicates of the dependencies (installs cargo-deny)
	@$(step) "Install cargo-deny" tests/tools/cargo-deny.sh --version
	$(step) "Check the dependencies" tests/tools/cargo-deny.sh check bans licenses sources

.PHONY: test-unit
test-unit: setup ## Unit, property and in-process tests
	@$(step) "Unit tests" cargo test --quiet --workspace --features $(features) --locked

.PHONY: test-chart
test-chart: setup ## The Helm chart, without a cluster
	@$(step) "Chart tests" tests/chart/test.sh

.PHONY: test-cluster
test-cluster: setup ## The one-node cluster itself, beside one that may be running
	@if $(left_out) "Cluster tests" "they build and start a cluster on this machine"; then exit 0; fi
	$(step) "Cluster tests" tests/cluster/test.sh

.PHONY: test-images
test-images: setup ## The images' contents
	@if $(left_out) "Image tests" "they build images as root, with packages that they install on this machine"; then exit 0; fi
	$(step) "Image tests" tests/images/test.sh

.PHONY: test-e2e
test-e2e: up ## Sluice on the real cluster with real Flink; ARGS names tests
	@$(step) "Chart on the cluster" $(on_cluster) tests/chart/test.sh --cluster
	printf '\n==> %s\n' "End-to-end tests"
	skip=()
	if $(left_out) "End-to-end tests api_server" "they restart the API server"; then skip+=(--skip api_server::); fi
	if $(left_out) "End-to-end tests cert_manager" "they start cert-manager's controllers on this machine"; then skip+=(--skip cert_manager::); fi
	if $(left_out) "End-to-end tests chaos" "they kill processes of a node"; then skip+=(--skip chaos::); fi
	if $(left_out) "End-to-end tests own_certificates" "they connect to pods from this machine"; then skip+=(--skip own_certificates::); fi
	cargo build --quiet --workspace --features $(features),sluice-e2e/cluster --bin sluice --examples --locked
	$(on_cluster) cargo test --workspace --features $(features),sluice-e2e/cluster --test e2e --locked -- --test-threads=1 "$${skip[@]}" $(ARGS)

bench := cargo run --quiet --package sluice-e2e --bin bench --

.PHONY: bench-image
bench-image: setup ## Measures the image's size
	@archive=$$(deploy/images/build.sh)
	python3 tests/images/archive.py "$$archive"

.PHONY: bench-memory
bench-memory: ## Measures the memory of the processes that run now
	@$(bench) memory

.PHONY: bench-start
bench-start: up ## Measures start to ready
	@$(on_cluster) $(bench) start $$(deploy/images/build.sh binaries)

.PHONY: bench-latency
bench-latency: up ## Measures apply to Deployment, and RUNNING to STABLE
	@$(on_cluster) $(bench) latency

.PHONY: bench-webhook
bench-webhook: setup ## Measures the webhook on one core, without a cluster; ARGS="--url https://HOST:PORT/PATH --ca FILE" measures another too
	@$(step) "Build the webhook" deploy/images/build.sh binaries
	$(step) "Build the load" cargo build --quiet --release --locked --package sluice-bench
	$(step) "Build the example plugins" docs/examples/plugins/build.sh
	binaries=$$(deploy/images/build.sh binaries)
	plugins=$$(docs/examples/plugins/build.sh)
	$${CARGO_TARGET_DIR:-target}/release/bench-webhook --binary "$$binaries/sluice-webhook" \
		--policies docs/examples/policy.yaml --plugins "$$plugins" $(ARGS)

.PHONY: fuzz
fuzz: setup ## Fuzzes what reads foreign bytes, each target for FUZZ_SECONDS (60); ARGS names targets
	@tests/tools/fuzz.sh $(ARGS)

.PHONY: crds
crds: ## Generates deploy/crds and the plain manifests
	@cargo run --quiet --package sluice-cli -- crds --output deploy/crds
	deploy/kustomize/generate.sh

.PHONY: catalogue
catalogue: ## Generates the option catalogue from the Flink distributions on PyPI (2.5 GB, minutes; needs Java and pip)
	@$(step) "Generate the option catalogue" shared/catalogue/generate.py

.PHONY: catalogue-check
catalogue-check: ## Compares the option catalogue with the Flink distributions
	@$(step) "Compare the option catalogue" shared/catalogue/generate.py --check

.PHONY: memory
memory: ## Asks the Flink distributions of the test images for the memory sizes that the rules are tested against (needs Java)
	@$(step) "Ask Flink for memory sizes" shared/memory/generate.py

.PHONY: memory-check
memory-check: ## Compares those memory sizes with the Flink distributions
	@$(step) "Compare the memory sizes" shared/memory/generate.py --check

.PHONY: fmt
fmt: ## Formats the code
	@cargo fmt --all
