# shellcheck shell=bash
# The same two services from docker-compose.yml, with one broker, if a Docker daemon is running.

# compose ARGUMENT...: runs docker compose (or docker-compose) for this instance's project.
compose() {
    local project
    project=ottla-$(cksum <<<"$STATE" | cut -d ' ' -f 1)
    if docker compose version >/dev/null 2>&1; then
        docker compose -p "$project" -f "$ROOT/docker-compose.yml" "$@"
    else
        docker-compose -p "$project" -f "$ROOT/docker-compose.yml" "$@"
    fi
}

# compose_available: true if a Docker daemon is running and a compose command is installed.
compose_available() {
    command -v docker >/dev/null && docker info >/dev/null 2>&1 &&
        { docker compose version >/dev/null 2>&1 || command -v docker-compose >/dev/null; }
}

# compose_await SERVICE: waits until its health check passes.
compose_await() {
    local id health='' end=$((SECONDS + TIMEOUT))
    until [[ $health == healthy ]]; do
        ((SECONDS < end)) || die "$1 is ${health:-not running} after $TIMEOUT s (KAFKA_TIMEOUT)"
        id=$(compose ps -q "$1")
        health=$([[ -z $id ]] || docker inspect -f '{{.State.Health.Status}}' "$id" 2>/dev/null) || true
        sleep 0.5
    done
}

# compose_up BROKERS PORT REGISTRY
compose_up() {
    local services=(kafka) ports
    (($1 == 1 && ${#SETTINGS[@]} + ${#LISTENERS[@]} == 0 && !SECURE)) ||
        die "three brokers, --set, --listener and --secure need KAFKA_WITH=jars"
    ((!$3)) || services+=(registry)
    mapfile -t ports < <(free_ports 2)
    export KAFKA_PORT=${2:-${ports[0]}} REGISTRY_PORT=${ports[1]} KAFKA_AUTO_CREATE_TOPICS_ENABLE=$AUTO_CREATE
    compose up -d "${services[@]}" >&2 || die "docker compose could not start ${services[*]}"
    echo "127.0.0.1:$KAFKA_PORT" >"$STATE/bootstrap"
    compose_await kafka
    ((!$3)) || { compose_await registry; echo "http://127.0.0.1:$REGISTRY_PORT/apis/ccompat/v7" >"$STATE/registry-url"; }
}

compose_clear() {
    compose down -v >&2
}

# compose_node_command COMMAND N: N is always 1.
compose_node_command() {
    case $1 in
        kill) compose kill -s SIGKILL kafka ;;
        stop) compose stop kafka ;;
        start) compose start kafka; compose_await kafka ;;
        pause) compose pause kafka ;;
        resume) compose unpause kafka ;;
    esac >&2
}

# compose_status: fails if the broker is not running.
compose_status() {
    compose ps
    [[ $(docker inspect -f '{{.State.Status}}' "$(compose ps -q kafka)" 2>/dev/null) == running ]]
}
