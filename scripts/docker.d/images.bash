# shellcheck shell=bash
# The images of docker-compose.yml, pulled or built. A built image consists of the files of this Debian that its programs need, in place of
# the published image's base, and of the same programs as the published image.

# compose_images: the images that docker-compose.yml names.
compose_images() { sed -n 's/^ *image: *//p' "$ROOT/docker-compose.yml" | sort -u; }

# image_get IMAGE: makes it available to the daemon at DOCKER_HOST.
image_get() {
    local error start=$SECONDS
    ! docker image inspect "$1" >/dev/null 2>&1 || return 0
    if error=$(timeout "${DOCKER_PULL_TIMEOUT:-300}" docker pull -q "$1" 2>&1 >/dev/null); then
        say "pulled $1 ($((SECONDS - start)) s)"
        return
    fi
    error=$(tail -n 1 <<<"${error:-no answer}")
    [[ -n $(daemon_run) && ${DOCKER_HOST:-} == "$(daemon_host)" ]] ||
        die "the image $1 cannot be pulled (${error#Error response from daemon: }): use the daemon of scripts/docker up, which builds it here"
    say "building $1, which cannot be pulled (${error#Error response from daemon: })"
    command -v dpkg >/dev/null || cannot "$1 cannot be built on this machine, which is not Debian or Ubuntu"
    command -v mvn >/dev/null && command -v java >/dev/null || "$ROOT/scripts/setup" broker || exit
    case $1 in
        apache/kafka:*) KAFKA_VERSION=${1##*:} image_kafka "$1" ;;
        apicurio/apicurio-registry-mem:*) REGISTRY_VERSION=${1##*:} image_registry "$1" ;;
        *) die "no recipe to build $1: only apache/kafka and apicurio/apicurio-registry-mem have one" ;;
    esac
    say "built $1 ($((SECONDS - start)) s)"
}

# image_build TAG FOLDER CHANGE...: an image of this Debian's files and of FOLDER.
image_build() {
    local tag=$1 folder=$2 changes=(--change 'LABEL built.here=true') change
    shift 2
    for change in "$@"; do changes+=(--change "$change"); done
    chmod -R a+rX "$folder"
    # A path must be in the archive once.
    (cd "$folder" && find . -mindepth 1 -printf '%P\n') >"$STATE/files.own"
    system_files | grep -Fxvf "$STATE/files.own" >"$STATE/files.system"
    tar --numeric-owner --no-recursion -cf - -C / -T "$STATE/files.system" -C "$folder" -T "$STATE/files.own" |
        docker import "${changes[@]}" - "$tag" >/dev/null || die "the Docker daemon could not import $tag"
    rm -rf "$folder" "$STATE"/files.{own,system}
}

# java_file: the java that scripts/kafka uses, without links.
java_file() {
    local java
    java=$(java_command) || exit
    readlink -f "$(command -v "$java")"
}

# system_files: the files of a JVM, of a shell with its tools and of all that they depend on, relative to /.
system_files() {
    local java package packages file
    java=$(java_file)
    set -- bash dash coreutils sed grep findutils hostname procps curl
    # A JVM that is no package needs the libraries that every JVM needs.
    if package=$(dpkg -S "$java" 2>/dev/null); then set -- "$@" "${package%%:*}"; else set -- "$@" libstdc++6 zlib1g; fi
    mapfile -t packages < <(apt-cache depends --recurse --installed --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
        --no-enhances "$@" | sed -n 's/^\([a-z0-9][a-z0-9.+:-]*\)$/\1/p' | sort -u)
    {
        for package in "${packages[@]}"; do dpkg -L "$package" 2>/dev/null || true; done
        find "${java%/bin/java}" /etc/java-*-openjdk /etc/alternatives 2>/dev/null || true
        printf '%s\n' /bin /sbin /lib /lib64 /etc/ld.so.cache /etc/nsswitch.conf /usr/bin/java
    } | grep -Ev '^/\.$|^/usr/share/(doc|man|locale|info|lintian|bash-completion)/|^/etc/(shadow|passwd|group)|^/tmp' |
        sed -E 's,^/(bin|sbin|lib|lib32|lib64|libx32)/,/usr/\1/,' | sort -u |   # Debian's /bin is a link to /usr/bin.
        while IFS= read -r file; do [[ ! -e $file && ! -L $file ]] || echo "${file#/}"; done
}

# image_folder NAME: an empty folder with the users and directories that every image needs.
image_folder() {
    local folder=$STATE/$1 java
    rm -rf "$folder"
    mkdir -p "$folder"/{etc,tmp,home/appuser}
    printf '%s\n' 'root:x:0:0::/root:/bin/bash' 'appuser:x:1000:1000::/home/appuser:/bin/bash' >"$folder/etc/passwd"
    printf '%s\n' 'root:x:0:' 'appuser:x:1000:' >"$folder/etc/group"
    chmod 1777 "$folder/tmp"
    chown 1000:1000 "$folder/home/appuser"
    java=$(java_file)
    ln -s "${java%/bin/java}" "$folder/java"
    echo "$folder"
}

image_kafka() {
    local folder jars name class
    jars=$(class_path) || exit
    folder=$(image_folder kafka)
    mkdir -p "$folder"/opt/kafka/{bin,config,libs} "$folder"/etc/kafka/{docker,secrets} "$folder/var/lib/kafka/data" "$folder/mnt/shared/config"
    tr ':' '\n' <<<"$jars" | xargs cp -t "$folder/opt/kafka/libs"
    cat >"$folder/opt/kafka/bin/kafka-run-class.sh" <<'RUN'
#!/bin/bash
exec /java/bin/java ${KAFKA_HEAP_OPTS:--Xmx256M} ${KAFKA_JVM_PERFORMANCE_OPTS:-} ${KAFKA_OPTS:-} \
    -Dorg.slf4j.simpleLogger.logFile=System.out -Dorg.slf4j.simpleLogger.defaultLogLevel=${LOG_LEVEL:-error} \
    -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
    -cp "/opt/kafka/libs/*" "$@"
RUN
    # A tool prints its result on stdout, so that the log goes to stderr; it starts faster with only the C1 compiler.
    while read -r name class; do
        cat >"$folder/opt/kafka/bin/kafka-$name.sh" <<TOOL
#!/bin/bash
export KAFKA_HEAP_OPTS=-Xmx256M KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1'
export KAFKA_OPTS=-Dorg.slf4j.simpleLogger.logFile=System.err
exec /java/bin/java \$KAFKA_HEAP_OPTS \$KAFKA_JVM_PERFORMANCE_OPTS \$KAFKA_OPTS -Dorg.slf4j.simpleLogger.defaultLogLevel=error \\
    -cp "/opt/kafka/libs/*" $class "\$@"
TOOL
    done <<'TOOLS'
storage kafka.tools.StorageTool
configs kafka.admin.ConfigCommand
dump-log kafka.tools.DumpLogSegments
broker-api-versions org.apache.kafka.tools.BrokerApiVersionsCommand
topics org.apache.kafka.tools.TopicCommand
groups org.apache.kafka.tools.GroupsCommand
get-offsets org.apache.kafka.tools.GetOffsetShell
metadata-quorum org.apache.kafka.tools.MetadataQuorumCommand
transactions org.apache.kafka.tools.TransactionsCommand
acls org.apache.kafka.tools.AclCommand
console-producer org.apache.kafka.tools.ConsoleProducer
console-consumer org.apache.kafka.tools.consumer.ConsoleConsumer
consumer-groups org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
TOOLS
    # Kafka's own class converts KAFKA_* to server.properties and formats the data folder, as in the published image.
    cat >"$folder/etc/kafka/docker/run" <<'RUN'
#!/bin/bash
export CLUSTER_ID=${CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}
said=$(KAFKA_HEAP_OPTS=-Xmx256M KAFKA_JVM_PERFORMANCE_OPTS='-XX:+UseSerialGC -XX:TieredStopAtLevel=1' \
    /opt/kafka/bin/kafka-run-class.sh kafka.docker.KafkaDockerWrapper setup --default-configs-dir /etc/kafka/docker \
    --mounted-configs-dir /mnt/shared/config --final-configs-dir /opt/kafka/config 2>&1) ||
    grep -i 'already formatted' <<<"$said" || { echo "$said"; exit 1; }
export KAFKA_HEAP_OPTS=${KAFKA_HEAP_OPTS:--Xmx1G -Xms1G} LOG_LEVEL=info
exec /opt/kafka/bin/kafka-run-class.sh kafka.Kafka /opt/kafka/config/server.properties
RUN
    printf 'Configuration:\n  Loggers:\n    Root:\n      level: ERROR\n' |
        tee "$folder/etc/kafka/docker/log4j2.yaml" >"$folder/etc/kafka/docker/tools-log4j2.yaml"
    printf 'process.roles=broker,controller\nnode.id=1\n' >"$folder/etc/kafka/docker/server.properties"
    chmod a+x "$folder"/opt/kafka/bin/* "$folder/etc/kafka/docker/run"
    chown -R 1000:1000 "$folder"/opt/kafka "$folder"/etc/kafka "$folder/var/lib/kafka" "$folder/mnt/shared"
    image_build "$1" "$folder" 'CMD ["/etc/kafka/docker/run"]' 'USER appuser' 'EXPOSE 9092' 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin:/java/bin' \
        'VOLUME ["/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"]'
}

image_registry() {
    local folder unpacked
    unpacked=$(registry_program) || exit
    folder=$(image_folder registry)
    mkdir -p "$folder/deployments"
    cp -r "$unpacked/." "$folder/deployments"
    image_build "$1" "$folder" 'CMD ["/bin/sh", "-c", "exec /java/bin/java $JAVA_OPTIONS -jar /deployments/*-runner.jar"]' 'USER 1001' \
        'ENV JAVA_OPTIONS="-Dquarkus.http.host=0.0.0.0 -Djava.util.logging.manager=org.jboss.logmanager.LogManager"' 'EXPOSE 8080'
}
