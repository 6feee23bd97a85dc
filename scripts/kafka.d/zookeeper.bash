# shellcheck shell=bash
# ZooKeeper, for the brokers of Kafka before 3.5. Its process and its configuration are in $STATE/zookeeper; its port is CONTROLLER_PORTS[0].

# zookeeper_client N: prints the settings of a broker that uses ZooKeeper.
zookeeper_client() {
    cat <<PROPERTIES
broker.id=$1
zookeeper.connect=127.0.0.1:${CONTROLLER_PORTS[0]}
zookeeper.session.timeout.ms=6000
listeners=PLAINTEXT://127.0.0.1:${BROKER_PORTS[$1 - 1]}
advertised.listeners=PLAINTEXT://127.0.0.1:${BROKER_PORTS[$1 - 1]}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT
PROPERTIES
}

# zookeeper_up: starts ZooKeeper and waits for its port. Returns 2 if another process has taken that port.
zookeeper_up() {
    local dir=$STATE/zookeeper java jars end=$((SECONDS + TIMEOUT))
    java=$(java_command) || return
    jars=$(class_path) || return
    mkdir -p "$dir"
    : >"$dir/log"
    cat >"$dir/zookeeper.properties" <<PROPERTIES
dataDir=$(<"$STATE/data-path")/zookeeper
clientPort=${CONTROLLER_PORTS[0]}
clientPortAddress=127.0.0.1
tickTime=1000
maxClientCnxns=0
admin.enableServer=false
PROPERTIES
    CLASSPATH=$jars process_start "$dir" "$java" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dzookeeper.jmx.log4j.disable=true \
        org.apache.zookeeper.server.quorum.QuorumPeerMain "$dir/zookeeper.properties"
    until port_open "${CONTROLLER_PORTS[0]}"; do
        if ! process_alive "$dir"; then
            ! process_logged "$dir" 'Address already in use' || return 2
            say "ZooKeeper has ended"
            return 1
        fi
        ((SECONDS < end)) || { say "ZooKeeper did not start within $TIMEOUT s (KAFKA_TIMEOUT)"; return 1; }
        sleep 0.2
    done
}

# broker_is_still_registered N: true if the broker has ended because the session of its killed predecessor had not expired.
broker_is_still_registered() {
    with_zookeeper && process_logged "$STATE/broker-$1" NodeExistsException
}
