# The commands of this repository; CI runs these and nothing else. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export CARGO_TERM_COLOR ?= auto

# Everything but `oidc` (builds libcurl) and `dynamic-linking` and `tls-system` (want libraries of the system).
features := $(shell sed -n '/^\[features\]/,/^\[/s/^\([a-z][a-z0-9-]*\) = .*/\1/p' Cargo.toml | \
                grep -vxE 'default|oidc|dynamic-linking|tls-system' | paste -sd, -)
# What scripts/test builds, so that nothing is built twice.
tested := $(shell sed -n 's/^FEATURES=$${FEATURES:-\(.*\)}/\1/p' scripts/test)
clippy := cargo clippy --locked
tests := cargo test --locked --workspace --features $(tested)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## from a file of flights to acknowledged records, on a broker inside the process
	@scripts/setup build
	cargo run --locked --package ottla-cli -- produce -c examples/flights.toml --embedded

.PHONY: demo-readme
demo-readme: ## README.md's first command in a fresh clone, nothing built
	@command=$$(awk '/^```(sh|bash|console)$$/ { inside = 1; next } inside { sub(/^\$$ /, ""); print; exit }' README.md) && \
	[[ -n $$command ]] || { echo "make demo-readme: README.md has no shell command" >&2; exit 1; }; \
	clone=$$(mktemp -d) && trap 'rm -rf "$$clone"' EXIT && git clone -q . "$$clone" && cd "$$clone" && \
	echo "$$command" && env -u CARGO_TARGET_DIR -u MAKEFLAGS bash -c "$$command"

.PHONY: build
build: ## the command, optimised: target/release/ottla
	@scripts/setup build
	cargo build --locked --release --package ottla-cli

.PHONY: fmt
fmt: ## format the sources
	cargo fmt --all

.PHONY: fmt-check
fmt-check: ## fail if the sources are not formatted
	cargo fmt --all --check

.PHONY: lint
lint: ## clippy and shellcheck, warnings are errors
	$(clippy) --package ottla --lib -- -D warnings
	$(clippy) --package ottla --lib --no-default-features -- -D warnings
	$(clippy) --workspace --all-targets --features $(features) -- -D warnings
	@if command -v shellcheck >/dev/null; then shellcheck -x scripts/{bench,fuzz,interop,kafka,setup,test,msrv,sanitize,valgrind} .ci/run; \
	else echo "make lint: SKIPPED shellcheck, it is not installed"; fi

.PHONY: doc
doc: ## the documentation, broken links are errors
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --lib --workspace --exclude ottla-test-support --features $(features)

.PHONY: test
test: ## everything: format, lints, documentation, all three tiers; ends with what each tier ran
	@scripts/setup build
	@scripts/test checks 1 2 3

.PHONY: test-unit
test-unit: ## tier 1: needs nothing
	@scripts/test 1

.PHONY: test-embedded
test-embedded: ## tier 2: on the embedded broker
	@scripts/test 2

.PHONY: test-broker
test-broker: ## tier 3: on a real Apache Kafka (see scripts/kafka help)
	@scripts/test 3

.PHONY: faults
faults: ## each fault of docs/what-happens-when.md with a million records under way, on a real Kafka of three brokers (a quarter of an hour)
	@scripts/setup build
	OTTLA_TEST_FAULT_RECORDS=1000000 $(tests) --test it -- --ignored --nocapture broker::faults

.PHONY: interop
interop: ## ottla and Python's libraries read what the other writes: random schemas, and a real Kafka and schema registry (needs python3 with venv)
	@scripts/interop

.PHONY: hostile
hostile: ## hostile input in full: lines and archives of 10 GB, the table of what each input came to, and damaged CSV beside Python's csv (tiers 1 to 3 have the short form)
	@scripts/setup build
	OTTLA_TEST_ENDLESS=10000000000 $(tests) --test it -- hostile:: --skip broker:: --nocapture
	OTTLA_TEST_CSV_TEXTS=200000 $(tests) --bin ottla -- differential --nocapture

.PHONY: loom
loom: ## every interleaving of what works without a lock, checked with loom (part of tier 1)
	cargo test --locked --release --manifest-path tests/loom/Cargo.toml --target-dir target/loom

.PHONY: asan
asan: ## tiers 1 and 2 under AddressSanitizer and LeakSanitizer, librdkafka included (nightly Rust)
	@scripts/setup build
	@scripts/sanitize address

.PHONY: tsan
tsan: ## unit tests and examples under ThreadSanitizer, likewise
	@scripts/setup build
	@scripts/sanitize thread

.PHONY: valgrind
valgrind: ## examples/await_each under valgrind's memcheck, likewise
	@scripts/setup build valgrind
	@scripts/valgrind

.PHONY: soak
soak: ## producers of every kind on a Kafka that breaks, for MINUTES (10): every record accounted for, nothing grows; SEED repeats a run's choices
	@scripts/setup build broker
	OTTLA_SOAK_MINUTES=$(or $(MINUTES),10) OTTLA_SOAK_SEED=$(or $(SEED),random) $(tests) --test it -- \
	    --include-ignored --nocapture broker::soak::

.PHONY: state
state: ## random steps on producers and consumers, held against a model, for SECONDS (600) each; SEED repeats a run, ONLY=Memory,Inline names profiles
	@scripts/setup build
	OTTLA_TEST_STATE_SECONDS=$(or $(SECONDS),600) OTTLA_TEST_STATE_SEED=$(SEED) OTTLA_TEST_STATE_ONLY=$(ONLY) \
	    $(tests) --test it -- --include-ignored --nocapture --test-threads=1 state::

.PHONY: fuzz
fuzz: ## fuzz the parsers and deserializers: SECONDS of CPU a target (600), TARGET=NAME for one (nightly Rust, cargo-fuzz)
	@FUZZ_SECONDS=$(SECONDS) scripts/fuzz $(TARGET)

.PHONY: bench
bench: ## every client under every load, interleaved, on a real Kafka: bench/results/ and the section in docs/performance.md (half an hour once they are built)
	@scripts/bench run

.PHONY: bench-quick
bench-quick: ## the main loads and clients, in about two minutes once they are built: target/bench/quick.json
	@scripts/bench quick

.PHONY: bench-test
bench-test: ## the tests of the benchmark itself, the runner's among them, which builds librdkafka once more
	@scripts/bench test

.PHONY: kafka-up
kafka-up: ## start a real Kafka; then: eval "$(scripts/kafka env)"
	@scripts/kafka up

.PHONY: kafka-down
kafka-down: ## end it and remove its data
	@scripts/kafka down

.PHONY: msrv
msrv: ## check with the oldest supported Rust
	@scripts/msrv

.PHONY: deny
deny: ## licences, advisories and sources of the dependencies (needs cargo-deny)
	cargo deny --locked check

.PHONY: compose-check
compose-check: ## is docker-compose.yml well-formed?
	@if docker compose version >/dev/null 2>&1; then docker compose config --quiet; \
	elif command -v docker-compose >/dev/null; then docker-compose config --quiet; \
	else echo "make compose-check: SKIPPED, there is neither docker compose nor docker-compose" >&2; fi
