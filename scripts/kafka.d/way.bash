# shellcheck shell=bash
# Which Kafka `up` uses, and why: the one at KAFKA_BOOTSTRAP_SERVERS, docker-compose.yml or the jars.

# The first version of compose that has profiles and needs no `version` in the file.
COMPOSE_OLDEST=1.28

# use_docker: sets DOCKER_HOST to the daemon of this instance, or to the private daemon of scripts/docker if none is named and it is running.
use_docker() {
    if [[ -s $STATE/docker-host ]]; then
        export DOCKER_HOST
        DOCKER_HOST=$(<"$STATE/docker-host")
    elif [[ -z ${DOCKER_HOST:-} ]]; then
        eval "$("$ROOT/scripts/docker" env 2>/dev/null)"
    fi
    [[ -n ${DOCKER_HOST:-} ]] || unset DOCKER_HOST
}

# compose_command: sets COMPOSE to `docker compose` or `docker-compose`; fails if there is none.
compose_command() {
    if docker compose version >/dev/null 2>&1; then
        COMPOSE=(docker compose)
    elif command -v docker-compose >/dev/null; then
        COMPOSE=(docker-compose)
    else
        return 1
    fi
}

# compose_obstacle: prints why docker-compose.yml cannot be used with the options of this call; nothing if it can.
compose_obstacle() {
    local at=${DOCKER_HOST:-its default address} error code=0 version
    if ((${#SETTINGS[@]} + ${#LISTENERS[@]} + SECURE > 0)); then
        echo "--set, --listener and --secure work only with the jars"
    elif [[ $KAFKA_VERSION != "$POM_VERSION" ]]; then
        echo "KAFKA_VERSION ($KAFKA_VERSION) chooses the version of the jars"
    elif ! command -v docker >/dev/null; then
        echo "docker is not installed"
    elif error=$(timeout 10 docker version --format '{{.Server.Version}}' 2>&1) || { code=$?; false; }; then
        if ! compose_command; then
            echo "neither docker compose nor docker-compose is installed"
            return
        fi
        version=$("${COMPOSE[@]}" version --short 2>/dev/null) || true
        version=${version#v}
        if [[ $(printf '%s\n' "$COMPOSE_OLDEST" "${version:-0}" | sort -V | head -n 1) != "$COMPOSE_OLDEST" ]]; then
            echo "${COMPOSE[*]} has version ${version:-unknown}, but docker-compose.yml needs $COMPOSE_OLDEST or newer"
        elif ! error=$(compose config 2>&1 >/dev/null); then
            echo "docker-compose.yml is not valid: $(tail -n 1 <<<"$error")"
        fi
    elif ((code == 124)); then
        echo "the Docker daemon at $at did not answer within 10 s"
    elif [[ $error == *'permission denied'* ]]; then
        echo "user $(id -un) has no permission to use the Docker daemon at $at"
    elif [[ $error == *'Cannot connect'* || $error == *'no such file'* || $error == *'connection refused'* ]]; then
        echo "no Docker daemon answers at $at"
    else
        echo "the Docker daemon at $at fails: $(tail -n 1 <<<"$error")"
    fi
}

# compose_images: the images of this call's services.
compose_images() {
    sed -n 's/^ *image: *//p' "$ROOT/docker-compose.yml" | sort -u | if ((REGISTRY)); then cat; else grep -v registry; fi
}

# choose_way: sets WAY to external, compose or jars, and WHY.
choose_way() {
    local obstacle images
    case ${KAFKA_WITH:-} in '' | jars | compose) ;; *) die "--with or KAFKA_WITH is $KAFKA_WITH: must be jars or compose" ;; esac
    if external; then
        WAY=external WHY="KAFKA_BOOTSTRAP_SERVERS is set"
        return
    fi
    if [[ ${KAFKA_WITH:-} == jars ]]; then
        WAY=jars WHY="--with or KAFKA_WITH says so"
        return
    fi
    use_docker
    obstacle=$(compose_obstacle)
    if [[ -z $obstacle ]]; then
        mapfile -t images < <(compose_images)
        # The last line says why an image is not there; the earlier ones report progress.
        { obstacle=$("$ROOT/scripts/docker" images "${images[@]}" 2>&1 >&3 | tee >(cat >&2) | tail -n 1; exit "${PIPESTATUS[0]}") &&
            obstacle=''; } 3>&1 || obstacle=${obstacle#scripts/docker: }
    fi
    if [[ -z $obstacle ]]; then
        WAY=compose WHY="a Docker daemon answers at ${DOCKER_HOST:-its default address}, and it has the images"
    elif [[ ${KAFKA_WITH:-} == compose ]]; then
        say "docker compose cannot be used: $obstacle"
        die "without --with compose the jars are used; scripts/docker up starts a private Docker daemon that has the images"
    else
        WAY=jars WHY="no docker compose: $obstacle"
    fi
}

# say_way: one line that says which Kafka is used and why.
say_way() {
    case $WAY in
        external) say "using the Kafka at $KAFKA_BOOTSTRAP_SERVERS: $WHY" ;;
        compose) say "using docker compose: $WHY" ;;
        jars) say "using the jars of Apache Kafka $KAFKA_VERSION: $WHY" ;;
    esac
}
