# shellcheck shell=bash
# Kafka's jars from Maven Central, on a JVM. Each broker has a folder: $STATE/broker-N/{server.properties,pid,log}.

# broker_properties N BROKERS DATA: prints the configuration of a broker; needs BROKER_PORTS and CONTROLLER_PORTS.
broker_properties() {
    local id=$1 brokers=$2 data=$3 replicas=1 in_sync=1
    ((brokers == 1)) || { replicas=3 in_sync=2; }
    if with_zookeeper; then zookeeper_client "$id"; else kraft "$id" "$brokers"; fi
    cat <<PROPERTIES
inter.broker.listener.name=PLAINTEXT
log.dirs=$data/broker-$id

auto.create.topics.enable=$AUTO_CREATE
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.replication.factor=$replicas
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync

PROPERTIES
    broker_settings
    ((${#LISTENERS[@]} == 0)) || further_listeners "$id" "$brokers"
    ((${#SETTINGS[@]} == 0)) || { echo; printf '%s\n' "${SETTINGS[@]//\{N\}/$id}"; }
}

# kraft N BROKERS: prints the settings of a combined broker and controller.
kraft() {
    local voters='' n
    for ((n = 1; n <= $2; n++)); do voters+="${voters:+,}$n@127.0.0.1:${CONTROLLER_PORTS[n - 1]}"; done
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$1
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${BROKER_PORTS[$1 - 1]},CONTROLLER://127.0.0.1:${CONTROLLER_PORTS[$1 - 1]}
advertised.listeners=PLAINTEXT://127.0.0.1:${BROKER_PORTS[$1 - 1]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
PROPERTIES
}

# broker_settings: prints the settings of broker.env, which containers have, too.
broker_settings() {
    local name value
    while IFS='=' read -r name value; do
        name=${name#KAFKA_}
        name=${name,,}
        echo "${name//_/.}=$value"
    done < <(grep '^KAFKA_' "$ROOT/scripts/kafka.d/broker.env")
}

# further_listeners N BROKERS: prints the settings of a broker that also has LISTENERS. If a setting is repeated, Kafka uses the last one.
further_listeners() {
    local n=$1 own=PLAINTEXT://127.0.0.1:${BROKER_PORTS[$1 - 1]} listeners='' advertised='' protocols='' index host port
    for index in "${!LISTENERS[@]}"; do
        host=${LISTENERS[index]%:*} port=${LISTENERS[index]##*:}
        listeners+="FURTHER$index://127.0.0.1:$((port + $2 + n - 1)),"
        advertised+="FURTHER$index://$host:$((port + n - 1)),"
        protocols+="FURTHER$index:PLAINTEXT,"
    done
    echo
    echo "listeners=$listeners$own$(with_zookeeper || echo ",CONTROLLER://127.0.0.1:${CONTROLLER_PORTS[n - 1]}")"
    echo "advertised.listeners=$advertised$own"
    echo "listener.security.protocol.map=${protocols}PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
}

# broker_start N: starts the JVM of a configured broker, without waiting for it.
broker_start() {
    local dir=$STATE/broker-$1 java jars heap=${KAFKA_HEAP:-256m} quick=("-XX:SharedArchiveFile=$(class_archive)")
    java=$(java_command) || return
    jars=$(class_path) || return
    ((!LISTS_CLASSES)) || quick=("-XX:DumpLoadedClassList=$dir/classes")
    [[ ${KAFKA_COMPILER:-} != c1 ]] || quick+=(-XX:TieredStopAtLevel=1)
    CLASSPATH=$jars process_start "$dir" "$java" "${quick[@]}" -Xms64m "-Xmx$heap" -XX:+UseSerialGC -XX:MaxDirectMemorySize=128m \
        -XX:ReservedCodeCacheSize=64m -Djava.awt.headless=true -Dorg.slf4j.simpleLogger.showDateTime=true \
        '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' -Dorg.slf4j.simpleLogger.showShortLogName=true \
        kafka.Kafka "$dir/server.properties"
}

# broker_await N: waits until it logs that it has started and its port is open. Fails if it ends or the timeout passes.
broker_await() {
    local dir=$STATE/broker-$1 port end=$((SECONDS + TIMEOUT))
    port=$(sed -n 's/^listeners=PLAINTEXT:\/\/[^:]*:\([0-9]*\).*/\1/p' "$dir/server.properties")
    until process_logged "$dir" 'Kafka Server started|KafkaServer id=[0-9]+\] started' && port_open "$port"; do
        process_alive "$dir" || ! broker_is_still_registered "$1" || { sleep 1; broker_start "$1"; }
        process_alive "$dir" || { say "broker $1 has ended"; return 1; }
        ((SECONDS < end)) || { say "broker $1 did not start within $TIMEOUT s (KAFKA_TIMEOUT)"; return 1; }
        sleep 0.2
    done
}

# brokers_answer COUNT: waits until that many brokers are in the metadata of an admin client.
brokers_answer() {
    local end=$((SECONDS + TIMEOUT)) seen=0
    until ((seen == $1)); do
        ((SECONDS < end)) || { say "only $seen of $1 brokers responded within $TIMEOUT s (KAFKA_TIMEOUT)"; return 1; }
        seen=$(kafka_tool BrokerApiVersionsCommand --bootstrap-server "$(<"$STATE/bootstrap")" 2>/dev/null |
            grep -c ' (id: ') || true
    done
}

# random_id: a cluster id.
random_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'aa' | cut -c 1-22; }

# jars_try BROKERS PORT: one attempt; returns 2 if another process has taken a port in the meantime.
jars_try() {
    local brokers=$1 data=$STATE/data-path id='' n ports bootstrap='' format=()
    mapfile -t ports < <(free_ports $(((2 + (SECURE ? SECURE_COUNT : 0)) * brokers)))
    BROKER_PORTS=("${ports[@]:0:brokers}") CONTROLLER_PORTS=("${ports[@]:brokers:brokers}") SECURE_PORTS=("${ports[@]:2 * brokers}")
    if ((SECURE)); then
        secure_files "$brokers" || return
        mapfile -t format < <(secure_format)
    fi
    [[ -z $2 ]] || for ((n = 0; n < brokers; n++)); do BROKER_PORTS[n]=$(($2 + n)); done
    id=$(random_id)
    mktemp -d "${TMPDIR:-/tmp}/ottla-kafka.XXXXXX" >"$data" || return
    for ((n = 1; n <= brokers; n++)); do
        mkdir -p "$STATE/broker-$n"
        broker_properties "$n" "$brokers" "$(<"$data")" | if ((SECURE)); then secure_properties "$n"; else cat; fi \
            >"$STATE/broker-$n/server.properties"
        : >"$STATE/broker-$n/log"
        bootstrap+="${bootstrap:+,}127.0.0.1:${BROKER_PORTS[n - 1]}"
    done
    echo "$bootstrap" >"$STATE/bootstrap"
    ! with_zookeeper || zookeeper_up || return
    for ((n = 1; n <= brokers; n++)); do
        with_zookeeper || kafka_tool StorageTool format -t "$id" -c "$STATE/broker-$n/server.properties" "${format[@]}" \
            >>"$STATE/broker-$n/log" 2>&1 || return
        broker_start "$n" || return
    done
    for ((n = 1; n <= brokers; n++)); do
        broker_await "$n" || { ! process_logged "$STATE/broker-$n" 'Address already in use|Socket server failed to bind' || return 2; return 1; }
    done
    brokers_answer "$brokers" || return
    ((!SECURE)) || { secure_users && secure_rights; }
}

# jars_up BROKERS PORT REGISTRY
jars_up() {
    local tries=3 code n LISTS_CLASSES=0
    "$ROOT/scripts/setup" broker || exit
    # Before anything is started: it says what is wrong with the version.
    class_path >/dev/null || exit
    ! class_archive_wanted || LISTS_CLASSES=1
    echo "$KAFKA_VERSION" >"$STATE/version"
    if [[ -n $2 ]]; then
        for ((n = 0; n < $1; n++)); do
            ! port_open $(($2 + n)) || die "port $(($2 + n)) is in use: use another --port, or none"
        done
    fi
    while true; do
        code=0
        jars_try "$1" "$2" || code=$?
        ((code != 0)) || break
        ((code == 2 && --tries > 0)) && [[ -z $2 ]] || die "Apache Kafka did not start"
        say "another process has taken a port, retrying with other ports"
        jars_clear
    done
    ((!LISTS_CLASSES)) || class_archive_make "$STATE/broker-1/classes"
    ((!$3)) || registry_up
}

# registry_up: starts Apicurio Registry, in memory, with Confluent's API.
registry_up() {
    local dir=$STATE/registry unpacked port java end=$((SECONDS + TIMEOUT))
    unpacked=$(registry_program) || exit
    java=$(java_command) || exit
    port=$(free_ports 1)
    mkdir -p "$dir"
    : >"$dir/log"
    process_start "$dir" "$java" -Xms32m "-Xmx${REGISTRY_HEAP:-192m}" -XX:+UseSerialGC -Dquarkus.http.host=127.0.0.1 \
        "-Dquarkus.http.port=$port" "-Djava.io.tmpdir=$(<"$STATE/data-path")" \
        -jar "$unpacked/apicurio-registry-app-$REGISTRY_VERSION-runner.jar"
    until registry_answers "$port"; do
        process_alive "$dir" || die "the schema registry has ended"
        ((SECONDS < end)) || die "the schema registry did not start within $TIMEOUT s (KAFKA_TIMEOUT)"
        sleep 0.3
    done
    echo "http://127.0.0.1:$port/apis/ccompat/v7" >"$STATE/registry-url"
}

# registry_answers PORT: true if GET /subjects returns status 200. Without curl, which may not be installed.
registry_answers() {
    local status
    # Docker accepts connections to a published port before the container listens, and closes them: SIGPIPE would end this script.
    status=$(
        trap '' PIPE
        {
            exec 3<>"/dev/tcp/127.0.0.1/$1" &&
                printf 'GET /apis/ccompat/v7/subjects HTTP/1.0\r\nHost: localhost\r\n\r\n' >&3 &&
                read -r -t 5 line <&3 && echo "$line"
        } 2>/dev/null
    ) || true
    [[ $status == *' 200 '* ]]
}

# jars_clear: kills every process of this state and removes the data.
jars_clear() {
    local dir data
    for dir in "$STATE"/{broker-*,zookeeper,registry}; do process_signal "$dir" KILL || true; done
    for dir in "$STATE"/{broker-*,zookeeper,registry}; do process_wait "$dir" 10 || die "pid $(<"$dir/pid") has not ended"; done
    if [[ -s $STATE/data-path ]]; then
        data=$(<"$STATE/data-path")
        [[ $data != */ottla-kafka.?????? ]] || rm -rf "$data"
    fi
    rm -f "$STATE"/{broker-*,zookeeper,registry}/{pid,log.start} "$STATE"/{data-path,bootstrap,registry-url}
}

# jars_node_command COMMAND N
jars_node_command() {
    local dir=$STATE/broker-$2
    case $1 in
        kill) process_signal "$dir" KILL || die "broker $2 is not running"; process_wait "$dir" 10 ;;
        stop)
            [[ $(process_state "$dir") != paused ]] || die "broker $2 is paused, run scripts/kafka resume $2 first"
            process_signal "$dir" TERM || die "broker $2 is not running"
            process_wait "$dir" "$TIMEOUT" || die "broker $2 is still stopping after $TIMEOUT s (are the others running?)" ;;
        start)
            [[ $(process_state "$dir") == down ]] || die "broker $2 is already $(process_state "$dir")"
            broker_start "$2"
            broker_await "$2" || { log_tail; exit 1; } ;;
        pause) process_signal "$dir" STOP || die "broker $2 is not running" ;;
        resume) process_signal "$dir" CONT || die "broker $2 is not running" ;;
    esac
}

# jars_status: prints a line per process; fails if one of them is not running.
jars_status() {
    local dir state all=0
    for dir in "$STATE"/{broker-*,zookeeper,registry}; do
        [[ -s $dir/pid ]] || continue
        state=$(process_state "$dir")
        if [[ $state == down ]]; then
            echo "${dir##*/}: down"
        else
            echo "${dir##*/}: $state, pid $(<"$dir/pid"), $(process_memory "$dir")"
        fi
        [[ $state == running ]] || all=1
    done
    return "$all"
}
