# The commands of this repository. CI runs only these. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export CARGO_TERM_COLOR ?= auto

# All features except `oidc` (builds libcurl), `tls-vendored` (builds OpenSSL), and `dynamic-linking` (needs the system's librdkafka).
features := $(shell sed -n '/^\[features\]/,/^\[/s/^\([a-z][a-z0-9-]*\) = .*/\1/p' Cargo.toml crates/*/Cargo.toml | sort -u | \
                grep -vxE 'default|oidc|dynamic-linking|tls-vendored' | paste -sd, -)
# The features that scripts/test builds, so that nothing is built twice.
tested := $(shell sed -n 's/^FEATURES=$${FEATURES:-\(.*\)}/\1/p' scripts/test)
clippy := cargo clippy --locked
# For checks of one set of features that link nothing: librdkafka's build script does not run, which would build the library once more.
host := $(shell rustc -vV | sed -n 's/^host: //p')
unlinked := --config 'target.$(host).rdkafka.rustc-link-lib = ["rdkafka"]'
tests := cargo test --locked --workspace --features $(tested)

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## send a file of flights to an embedded broker, and show that the records are acknowledged
	@scripts/setup build
	cargo run --locked --package ottla-cli -- produce -c examples/flights.toml --embedded

.PHONY: demo-readme
demo-readme: ## run README.md's first command in a fresh clone
	@command=$$(awk '/^```(sh|bash|console)$$/ { inside = 1; next } inside { sub(/^\$$ /, ""); print; exit }' README.md) && \
	[[ -n $$command ]] || { echo "make demo-readme: README.md has no shell command" >&2; exit 1; }; \
	clone=$$(mktemp -d) && trap 'rm -rf "$$clone"' EXIT && git clone -q . "$$clone" && cd "$$clone" && \
	echo "$$command" && env -u CARGO_TARGET_DIR -u MAKEFLAGS bash -c "$$command"

.PHONY: build
build: ## build the optimized command: target/release/ottla
	@scripts/setup build
	cargo build --locked --release --package ottla-cli

.PHONY: fmt
fmt: ## format the sources
	cargo fmt --all
	cargo fmt --manifest-path examples/dockerized/Cargo.toml

.PHONY: fmt-check
fmt-check: ## fail if the sources are not formatted
	cargo fmt --all --check
	cargo fmt --manifest-path examples/dockerized/Cargo.toml --check

.PHONY: lint
lint: ## run clippy and shellcheck; warnings are errors
	$(clippy) $(unlinked) --package ottla --lib -- -D warnings
	$(clippy) $(unlinked) --package ottla --lib --no-default-features -- -D warnings
	$(clippy) --workspace --all-targets --features $(features) -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/{api,bench,compose-check,docker,fuzz,interop,kafka,package,setup,test,msrv,sanitize,valgrind} .ci/run; \
	else echo "make lint: SKIPPED shellcheck, it is not installed"; fi

.PHONY: doc
doc: ## build the documentation; broken links are errors
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --lib --workspace --exclude ottla-test-support --features $(features)

.PHONY: package
package: ## build what a release has, in target/package: crates, Debian package, bill of materials (needs dpkg-dev and syft)
	@scripts/package program
	@scripts/package crates
	@scripts/package sbom
	@scripts/package deb

.PHONY: book
book: ## build the documentation as a site, target/book/index.html, and check its links (needs mdbook and python3)
	@scripts/book

.PHONY: alerts
alerts: ## check and test the alert rules of docs/monitoring (needs promtool: Debian's package prometheus)
	promtool check rules docs/monitoring/alerts.yaml
	promtool test rules docs/monitoring/alerts-test.yaml

.PHONY: test
test: ## run everything: format, lints, documentation, all three tiers, containers; prints the results of each tier at the end
	@scripts/setup build
	@scripts/test checks 1 2 3 containers

.PHONY: test-unit
test-unit: ## run tier 1: needs nothing else
	@scripts/test 1

.PHONY: test-embedded
test-embedded: ## run tier 2: on the embedded broker
	@scripts/test 2

.PHONY: test-broker
test-broker: ## run tier 3: on a real Apache Kafka (see scripts/kafka help)
	@scripts/test 3

.PHONY: test-containers
test-containers: ## run the main tests of tier 3 on containers: with the Docker daemon that answers, or a private one (see scripts/docker help)
	@scripts/test containers

.PHONY: dockerized
dockerized: ## run examples/dockerized: a service's own test, on a Kafka in a container (needs a Docker daemon, or root on Debian)
	@scripts/setup build
	@scripts/test dockerized

.PHONY: matrix
matrix: ## run the core of tier 3 on each supported version of Kafka, or on MATRIX_VERSIONS='3.9.2 4.0.2', and print a table
	@scripts/setup build
	@scripts/test matrix

.PHONY: test-system-librdkafka
test-system-librdkafka: ## run the unit tests and tier 2 on the system's librdkafka, the one that pkg-config finds (PKG_CONFIG_PATH)
	@scripts/setup build
	@scripts/test system-librdkafka

.PHONY: faults
faults: ## run each fault of docs/what-happens-when.md with a million records in flight, on a real Kafka of three brokers (15 minutes)
	@scripts/setup build
	OTTLA_TEST_FAULT_RECORDS=1000000 $(tests) --test it -- --ignored --nocapture broker::faults

.PHONY: rack-aware
rack-aware: ## compare rack-aware partitioning with the Java client, on a real Kafka of three brokers in three racks
	@scripts/setup build
	mvn -B -q -ntp -f bench/java/pom.xml dependency:build-classpath -Dmdep.outputFile=$(CURDIR)/target/java-client
	OTTLA_TEST_JAVA_CLIENT="$$(cat target/java-client)" $(tests) --test it -- --ignored --nocapture broker::rack_aware

.PHONY: interop
interop: ## check that ottla and the Python libraries read each other's data: random schemas, and a real Kafka and schema registry (needs python3 with venv)
	@scripts/interop

.PHONY: hostile
hostile: ## run the tests of hostile input at full size: lines and archives of 10 GB, the table of results, and corrupted CSV compared with Python's csv (tiers 1 to 3 run a short form)
	@scripts/setup build
	OTTLA_TEST_ENDLESS=10000000000 $(tests) --test it -- hostile:: --skip broker:: --nocapture
	OTTLA_TEST_CSV_TEXTS=200000 $(tests) --bin ottla -- differential --nocapture

.PHONY: loom
loom: ## check the lock-free code with loom, in every possible interleaving (part of tier 1)
	cargo test --locked --release --manifest-path tests/loom/Cargo.toml --target-dir target/loom

.PHONY: asan
asan: ## run tiers 1 and 2 under AddressSanitizer and LeakSanitizer, including librdkafka (nightly Rust)
	@scripts/setup build
	@scripts/sanitize address

.PHONY: tsan
tsan: ## run the unit tests and examples under ThreadSanitizer, including librdkafka (nightly Rust)
	@scripts/setup build
	@scripts/sanitize thread

.PHONY: valgrind
valgrind: ## run examples/await_each under valgrind's memcheck, including librdkafka
	@scripts/setup build valgrind
	@scripts/valgrind

.PHONY: soak
soak: ## run all kinds of producers on a failing Kafka for MINUTES (10), and check that every record is accounted for and no resource grows; SEED repeats a run's choices
	@scripts/setup build broker
	OTTLA_SOAK_MINUTES=$(or $(MINUTES),10) OTTLA_SOAK_SEED=$(or $(SEED),random) $(tests) --test it -- \
	    --include-ignored --nocapture broker::soak::

.PHONY: state
state: ## run random operations on producers and consumers and compare them with a model, for SECONDS (600) each; SEED repeats a run, ONLY=Memory,Inline selects profiles
	@scripts/setup build
	OTTLA_TEST_STATE_SECONDS=$(or $(SECONDS),600) OTTLA_TEST_STATE_SEED=$(SEED) OTTLA_TEST_STATE_ONLY=$(ONLY) \
	    $(tests) --test it -- --include-ignored --nocapture --test-threads=1 state::

.PHONY: fuzz
fuzz: ## fuzz the parsers and deserializers for SECONDS of CPU time per target (600); TARGET=NAME runs one (nightly Rust, cargo-fuzz)
	@FUZZ_SECONDS=$(SECONDS) scripts/fuzz $(TARGET)

.PHONY: bench
bench: ## benchmark every client under every load on a real Kafka; writes bench/results/ and the section in docs/performance.md (45 minutes, plus the build)
	@scripts/bench run

.PHONY: bench-quick
bench-quick: ## benchmark the main clients under the main loads; writes target/bench/quick.json (under 3 minutes, plus the build)
	@scripts/bench quick

.PHONY: bench-perf
bench-perf: ## compare `ottla perf` with Java's tool on a real Kafka (about 10 minutes, plus the build)
	@scripts/bench perf

.PHONY: bench-test
bench-test: ## test the benchmark itself, including its runner; builds librdkafka again
	@scripts/bench test

.PHONY: kafka-up
kafka-up: ## start a real Kafka; afterwards run: eval "$(scripts/kafka env)"
	@scripts/kafka up

.PHONY: kafka-down
kafka-down: ## stop that Kafka and remove its data
	@scripts/kafka down

.PHONY: msrv
msrv: ## check with the oldest supported Rust
	@scripts/msrv

.PHONY: features
features: ## check each cargo feature of the library and the registry client on its own (needs cargo-hack)
	cargo hack check $(unlinked) --package ottla --package ottla-schema-registry --lib --each-feature --skip dynamic-linking,oidc,tls-vendored

.PHONY: minimal-versions
minimal-versions: ## check with the lowest versions of the direct dependencies that Cargo.toml allows, in a copy of the last commit (nightly Rust)
	@copy=$$(mktemp -d) && trap 'rm -rf "$$copy"' EXIT && git clone -q . "$$copy" && cd "$$copy" && \
	cargo +nightly update -q -Z direct-minimal-versions && cargo check $(unlinked) --locked --workspace --lib --bins --features $(tested)

.PHONY: deny
deny: ## check licenses, advisories and sources of the dependencies (needs cargo-deny)
	cargo deny --locked check

.PHONY: dependencies
dependencies: ## compare the table of docs/dependencies.md with the crates of Cargo.lock (needs python3)
	cargo fetch --locked
	scripts/dependencies

.PHONY: api
api: ## compare the public API of the libraries with the recorded one in api/ (needs cargo-public-api)
	@FEATURES=$(features) scripts/api

.PHONY: api-update
api-update: ## record the present public API in api/ (needs cargo-public-api)
	@FEATURES=$(features) scripts/api update

.PHONY: compose-check
compose-check: ## start what docker-compose.yml has, kill and restart a broker, and stop it, if a Docker daemon answers (scripts/docker up starts one)
	@scripts/compose-check
