# shellcheck shell=bash
# The tests on containers; needs what scripts/test has.

# The tests that run on containers: the core of each module of broker::, without those that start brokers of their own or are slow.
CONTAINER_TESTS=(
    broker::producer:: broker::transaction::only_committed broker::transaction::second_producer broker::transaction::consume_transform
    broker::consumer::read_committed broker::consumer::static_member broker::consumer::offsets_for_times broker::command::
    broker::every_format broker::imports broker::an_incompatible broker::hostile::unusual broker::metrics::counts
)

# containers_missing: prints why this machine has no Docker daemon, compose or images; nothing if it has them.
containers_missing() {
    local said
    said=$("$ROOT/scripts/kafka" which --with compose --registry 2>&1) || sed -n 's/.*cannot be used: //p' <<<"$said"
}

# on_containers NAME LOG COMMAND...: runs the tests with a Docker daemon: one that answers, otherwise a private one, which ends with this script.
on_containers() {
    local -x DOCKER_HOST=${DOCKER_HOST:-} KAFKA_BOOTSTRAP_SERVERS=''
    local name=$1 log=$2 code=0 start=$SECONDS missing private=0
    shift 2
    : >"$log"
    missing=$(containers_missing)
    if [[ -n $missing ]]; then
        private=1
        DOCKER_HOST='' "$ROOT/scripts/docker" up --while $$ 2>&1 | tee -a "$log"
        code=${PIPESTATUS[0]}
        if ((code == 3)); then
            line "$name: NOT RUN: $missing, and $(sed -n '$s/^scripts\/docker: //p' "$log")"
            ((!ALONE)) || COMPLETE=0
            return
        fi
    fi
    [[ -n $DOCKER_HOST ]] || eval "$("$ROOT/scripts/docker" env 2>/dev/null)"
    [[ -n $DOCKER_HOST ]] || unset DOCKER_HOST
    ((code != 0)) || "$@" "$log" || code=$?
    ((!private)) || "$ROOT/scripts/docker" down
    report "$log" "$code" "$name ($( ((private)) && echo 'a private Docker daemon' || echo "Docker at ${DOCKER_HOST:-its default address}"), $((SECONDS - start)) s)"
}

# container_tests LOG
container_tests() {
    local code=0
    cargo test --locked --workspace --features "$FEATURES" --test it --no-run || return
    on_kafka "$1" --with compose --registry -- "${CONTAINER_TESTS[@]}" --skip broker::producer::returning_from_main || code=$?
    "$ROOT/scripts/compose-check" 2>&1 | tee -a "$1" || code=$?
    return "$code"
}

# dockerized_test LOG: with the target directory of the workspace, which has compiled the same librdkafka.
dockerized_test() {
    cargo test --locked --manifest-path examples/dockerized/Cargo.toml --target-dir target 2>&1 | tee -a "$1"
}

run_containers() {
    if [[ ${SKIP_CONTAINERS:-0} == 1 ]]; then
        line "containers: NOT RUN (SKIP_CONTAINERS=1)"
    else
        on_containers containers "$OUT/containers.log" container_tests
    fi
}

run_dockerized() { on_containers examples/dockerized "$OUT/dockerized.log" dockerized_test; }
