# shellcheck shell=bash
# The checks and the tiers; needs what scripts/test has.

run_checks() {
    local check failed=()
    for check in fmt-check lint doc; do "${MAKE:-make}" -C "$ROOT" --no-print-directory "$check" || failed+=("$check"); done
    if ((${#failed[@]} == 0)); then
        line "format, lints, documentation: passed"
    else
        line "format, lints, documentation: FAILED: make ${failed[*]}"
        COMPLETE=0
    fi
}

run_tier_1() {
    local log=$OUT/tier-1.log code=0
    : >"$log"
    cargo_test "$log" --lib --bins || code=$?
    # All tests that are in neither of the other tiers belong to this one, whatever the name of their module.
    cargo_test "$log" --test it -- --skip embedded:: --skip broker:: || code=$?
    cargo_test "$log" --doc || code=$?
    # A separate package, because loom replaces types of the standard library.
    cargo test --locked --release --manifest-path tests/loom/Cargo.toml --target-dir target/loom 2>&1 | tee -a "$log" || code=$?
    # In the benchmark's own workspace; without the tests that would build librdkafka again.
    "$ROOT/scripts/bench" test-figures 2>&1 | tee -a "$log" || code=$?
    report "$log" "$code" "tier 1 (nothing needed)"
}

run_tier_2() {
    local log=$OUT/tier-2.log code=0
    local -x RUST_TEST_THREADS=$THREADS
    : >"$log"
    cargo_test "$log" --test it -- embedded:: || code=$?
    # This example consists of tests.
    cargo_test "$log" --example testing || code=$?
    report "$log" "$code" "tier 2 (embedded broker)"
}

run_tier_3() {
    local log=$OUT/tier-3.log code=0 up=(--brokers "${TEST_BROKERS:-1}") version
    : >"$log"
    if [[ ${SKIP_BROKER:-0} == 1 ]]; then
        line "tier 3 (Apache Kafka): NOT RUN (SKIP_BROKER=1)"
        COMPLETE=0
        return
    fi
    [[ ${TEST_REGISTRY:-1} != 1 ]] || up+=(--registry)
    version=${KAFKA_VERSION:-$(sed -n 's/.*<kafka.version>\(.*\)<.*/\1/p' "$ROOT/scripts/kafka.pom.xml")}
    [[ -z ${KAFKA_BOOTSTRAP_SERVERS:-} ]] || version='of KAFKA_BOOTSTRAP_SERVERS'
    # Built before the broker starts, so that the build and the broker do not compete for the cores.
    cargo test --locked --workspace --features "$FEATURES" --test it --no-run || code=$?
    # From jars, whether there is a Docker daemon or not: these tests have a part of their own.
    [[ -n ${KAFKA_BOOTSTRAP_SERVERS:-} ]] || up+=(--with "${KAFKA_WITH:-jars}")
    ((code != 0)) || on_kafka "$log" "${up[@]}" -- broker:: || code=$?
    report "$log" "$code" "tier 3 (Apache Kafka $version$([[ ! -s $OUT/bootstrap ]] || echo " at $(<"$OUT/bootstrap")"))"
}

# on_kafka LOG OPTION... -- TEST...: runs tests of tests/it on a Kafka with these options of scripts/kafka, and adds their output to LOG.
on_kafka() {
    local log=$1 up=()
    shift
    while [[ $1 != -- ]]; do up+=("$1"); shift; done
    shift
    # shellcheck disable=SC2016
    "$ROOT/scripts/kafka" run "${up[@]}" -- bash -c '
        set -o pipefail
        echo "$KAFKA_BOOTSTRAP_SERVERS" >"$1"
        log=$2
        shift 2
        "$@" 2>&1 | tee -a "$log"
    ' bash "$OUT/bootstrap" "$log" cargo test --locked --no-fail-fast --workspace --features "$FEATURES" --test it -- --include-ignored "$@"
}

run_system_librdkafka() {
    local log=$OUT/system-librdkafka.log code=0 FEATURES=$FEATURES,dynamic-linking version
    : >"$log"
    version=$(pkg-config --modversion rdkafka 2>/dev/null) || {
        line "system's librdkafka: NOT RUN, pkg-config does not find rdkafka (PKG_CONFIG_PATH is the folder of its rdkafka.pc)"
        COMPLETE=0
        return
    }
    # In a folder that is not the system's own, the loader does not look without it.
    local -x LD_LIBRARY_PATH
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir rdkafka):${LD_LIBRARY_PATH:-}
    cargo_test "$log" --lib || code=$?
    cargo_test "$log" --test it -- embedded:: || code=$?
    report "$log" "$code" "system's librdkafka ($version)"
}
