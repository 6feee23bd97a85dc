# shellcheck shell=bash
# The brokers and the registry of docker-compose.yml. Containers are found by compose's labels, so that an instance can be inspected and
# removed even if the file has been changed since, and by any version of compose.

# compose_project: the name of this instance's containers and network, so that instances do not share them.
compose_project() { echo "ottla-$(cksum <<<"$STATE" | cut -d ' ' -f 1)"; }

# compose ARGUMENT...: runs docker compose for this instance's project.
compose() {
    compose_command || die "neither docker compose nor docker-compose is installed"
    "${COMPOSE[@]}" -p "$(compose_project)" -f "$ROOT/docker-compose.yml" "$@"
}

# service N: the service of broker N.
service() { if [[ $(<"$STATE/brokers") == 1 ]]; then echo kafka; else echo "kafka-$1"; fi; }

# services: the services of this instance, one per line.
services() {
    local n
    for ((n = 1; n <= $(<"$STATE/brokers"); n++)); do service "$n"; done
    [[ ! -s $STATE/registry-url ]] || echo registry
}

# container [SERVICE]: the id of the service's container, of all containers of this instance without SERVICE.
container() {
    docker ps -aq --filter "label=com.docker.compose.project=$(compose_project)" ${1:+--filter "label=com.docker.compose.service=$1"}
}

# container_state SERVICE: running, paused or down.
container_state() {
    local id state=''
    id=$(container "$1")
    [[ -z $id ]] || state=$(docker inspect -f '{{.State.Status}}' "$id" 2>/dev/null) || true
    case $state in running | paused) echo "$state" ;; *) echo down ;; esac
}

# container_await SERVICE: waits until the broker or the registry is ready. Fails at once if its container ends.
container_await() {
    local id started end=$((SECONDS + TIMEOUT))
    id=$(container "$1")
    started=$(docker inspect -f '{{.State.StartedAt}}' "$id")
    until container_ready "$1" "$id" "$started"; do
        container_exists "$1" "$id"
        ((SECONDS < end)) || die "$1 did not start within $TIMEOUT s (KAFKA_TIMEOUT)"
        sleep 0.3
    done
}

# container_exists SERVICE ID: ends with a message if the container has ended.
container_exists() {
    local state
    state=$(docker inspect -f '{{.State.Status}}, exit code {{.State.ExitCode}}' "$2" 2>/dev/null) || die "the container of $1 was removed"
    [[ $state == @(running|restarting|paused|created)* ]] || die "the container of $1 has ended ($state)"
}

# container_ready SERVICE ID STARTED
container_ready() {
    if [[ $1 == registry ]]; then
        registry_answers "$REGISTRY_PORT"
    else
        grep -q 'Kafka Server started' < <(docker logs --since "$3" "$2" 2>&1)
    fi
}

# compose_ports BROKERS PORT: sets the ports of the next start.
compose_ports() {
    local ports n
    mapfile -t ports < <(free_ports $(($1 + 1)))
    [[ -z $2 ]] || for ((n = 0; n < $1; n++)); do ports[n + 1]=$(($2 + n)); done
    export REGISTRY_PORT=${ports[0]} KAFKA_PORT=${ports[1]} KAFKA_PORT_2=${ports[2]:-} KAFKA_PORT_3=${ports[3]:-}
    BROKER_PORTS=("${ports[@]:1}")
}

# compose_up BROKERS PORT REGISTRY
compose_up() {
    local started=() n tries=3 output bootstrap=''
    echo "${DOCKER_HOST:-}" >"$STATE/docker-host"
    sed -n 's/^ *image: *apache\/kafka://p' "$ROOT/docker-compose.yml" | head -n 1 >"$STATE/version"
    [[ $(<"$STATE/version") == "$POM_VERSION" ]] ||
        say "docker-compose.yml has Apache Kafka $(<"$STATE/version"), scripts/kafka.pom.xml has $POM_VERSION"
    KAFKA_CLUSTER_ID=$(random_id)
    export KAFKA_CLUSTER_ID KAFKA_AUTO_CREATE_TOPICS_ENABLE=$AUTO_CREATE
    for ((n = 1; n <= $1; n++)); do started+=("$(service "$n")"); done
    ((!$3)) || started+=(registry)
    while true; do
        compose_ports "$1" "$2"
        ! output=$(compose up -d "${started[@]}" 2>&1) || break
        [[ $output == *'address already in use'* || $output == *'already allocated'* || $output == *'ports are not available'* ]] ||
            die "docker compose could not start ${started[*]}: $output"
        compose_clear
        [[ -z $2 ]] || die "a port from $2 to $(($2 + $1 - 1)) is in use: use another --port, or none"
        ((--tries > 0)) || die "docker compose could not start ${started[*]}: $output"
        say "another process has taken a port, retrying with other ports"
    done
    ((!$3)) || echo "http://127.0.0.1:$REGISTRY_PORT/apis/ccompat/v7" >"$STATE/registry-url"
    for ((n = 1; n <= $1; n++)); do
        compose_published "$(service "$n")" 9092 "${BROKER_PORTS[n - 1]}"
        bootstrap+="${bootstrap:+,}127.0.0.1:${BROKER_PORTS[n - 1]}"
    done
    ((!$3)) || compose_published registry 8080 "$REGISTRY_PORT"
    echo "$bootstrap" >"$STATE/bootstrap"
    for n in "${started[@]}"; do container_await "$n"; done
    (($1 == 1)) || compose_brokers_answer "$1"
}

# compose_published SERVICE PORT HOST_PORT: ends with a message if the file does not publish the service's port at HOST_PORT, or tells clients
# of another port.
compose_published() {
    local id published environment
    id=$(container "$1")
    published=$(docker port "$id" "$2" 2>/dev/null | sed -n 's/.*://p' | head -n 1) || true
    # A container that has ended publishes nothing.
    [[ $published == "$3" ]] || container_exists "$1" "$id"
    [[ $published == "$3" ]] ||
        die "docker-compose.yml publishes port $2 of $1 at ${published:-no port}, not at the port in the environment ($3): restore its 'ports'"
    environment=$(docker inspect -f '{{range .Config.Env}}{{println .}}{{end}}' "$id")
    [[ $1 == registry || $environment == *"HOST://127.0.0.1:$3,"* ]] ||
        die "docker-compose.yml tells clients of another port of $1 than $3: restore its KAFKA_ADVERTISED_LISTENERS"
}

# compose_brokers_answer COUNT: waits until that many brokers are in the metadata.
compose_brokers_answer() {
    local end=$((SECONDS + TIMEOUT)) seen=0
    until ((seen == $1)); do
        ((SECONDS < end)) || die "only $seen of $1 brokers responded within $TIMEOUT s (KAFKA_TIMEOUT)"
        seen=$(compose_tool broker-api-versions 2>/dev/null | grep -c ' (id: ') || true
    done
}

# compose_clear: removes the containers of this instance, their data and their network.
compose_clear() {
    local label
    label=label=com.docker.compose.project=$(compose_project)
    if ! docker ps -aq --filter "$label" >/dev/null 2>&1; then
        say "the Docker daemon at ${DOCKER_HOST:-its default address} does not answer: nothing was removed from it"
        return
    fi
    container | xargs -r docker rm -fv >/dev/null
    docker network ls -q --filter "$label" | xargs -r docker network rm >/dev/null
    docker volume ls -q --filter "$label" | xargs -r docker volume rm >/dev/null
}

# compose_node_command COMMAND N
compose_node_command() {
    local service id state error
    service=$(service "$2") state=$(container_state "$(service "$2")")
    id=$(container "$service")
    [[ -n $id ]] || die "the container of broker $2 was removed, run scripts/kafka down"
    case $1 in
        start) [[ $state == down ]] || die "broker $2 is already $state" ;;
        stop) [[ $state != paused ]] || die "broker $2 is paused, run scripts/kafka resume $2 first" ;;&
        *) [[ $state != down ]] || die "broker $2 is not running" ;;
    esac
    case $1 in
        kill) docker kill -s KILL "$id" && docker wait "$id" ;;
        stop)
            docker kill -s TERM "$id"
            timeout "$TIMEOUT" docker wait "$id" || die "broker $2 is still stopping after $TIMEOUT s (are the others running?)" ;;
        start)
            error=$(docker start "$id" 2>&1) || {
                [[ $error != *'address already in use'* && $error != *'already allocated'* ]] ||
                    die "broker $2 cannot start: another process has taken its port $(broker_port "$2")"
                die "broker $2 cannot start: $(head -n 1 <<<"$error")"
            }
            container_await "$service" ;;
        pause) [[ $state == paused ]] || docker pause "$id" ;;
        resume) [[ $state == running ]] || docker unpause "$id" ;;
    esac >/dev/null
}

broker_port() { cut -d , -f "$1" "$STATE/bootstrap" | sed 's/.*://'; }

# compose_status: prints a line per container; fails if one of them is not running.
compose_status() {
    local service state all=0
    for service in $(services); do
        state=$(container_state "$service")
        echo "$service: $state, container $(container "$service")"
        [[ $state == running ]] || all=1
    done
    return "$all"
}

# compose_logs [N]
compose_logs() {
    local service id
    for service in $(if [[ -n ${1:-} ]]; then service "$1"; else services; fi); do
        id=$(container "$service")
        [[ -n $id ]] || die "the container of $service was removed"
        docker logs "$id" 2>&1
    done
}

# compose_log_tail: prints the end of each log.
compose_log_tail() {
    local id
    for id in $(container); do
        echo "--- the end of the log of $(docker inspect -f '{{.Name}}' "$id")"
        docker logs --tail 40 "$id" 2>&1
    done
}

# compose_tool NAME [ARGUMENT...]: runs Kafka's bin/kafka-NAME.sh in the container of the first broker that is running.
compose_tool() {
    local name=$1 n service interactive=()
    shift
    [[ $name != console-producer ]] || interactive=(-i)
    for ((n = 1; n <= $(<"$STATE/brokers"); n++)); do
        service=$(service "$n")
        [[ $(container_state "$service") == running ]] || continue
        docker exec "${interactive[@]}" "$(container "$service")" "/opt/kafka/bin/kafka-$name.sh" --bootstrap-server "$service:19092" "$@"
        return
    done
    die "no broker is running"
}

# compose_dump_log N TOPIC PARTITION: in a container of its own, so that the broker need not run.
compose_dump_log() {
    local id
    id=$(container "$(service "$1")")
    [[ -n $id ]] || die "the container of broker $1 was removed"
    # shellcheck disable=SC2016
    docker run --rm --network none --volumes-from "$id:ro" --entrypoint bash "$(docker inspect -f '{{.Config.Image}}' "$id")" -c '
        files=(/var/lib/kafka/data/"$2-$3"/*.log)
        [[ -f ${files[0]} ]] || { echo "scripts/kafka: broker $1 has no files of $2-$3" >&2; exit 1; }
        exec /opt/kafka/bin/kafka-dump-log.sh --deep-iteration --files "$(IFS=, && echo "${files[*]}")"
    ' bash "$@"
}
