# shellcheck shell=bash
# What differs between the versions of Kafka that the jars can be; needs KAFKA_VERSION.

# The oldest version: the first one that reads certificates in PEM, as `--secure` has them, and changes SCRAM users through a broker.
KAFKA_OLDEST=2.8

# at_least MAJOR.MINOR: true if KAFKA_VERSION is that version or newer.
at_least() {
    local major minor
    IFS=. read -r major minor _ <<<"$KAFKA_VERSION"
    ((major != ${1%.*} ? major > ${1%.*} : minor >= ${1#*.}))
}

# check_version: ends with a message if KAFKA_VERSION cannot be a version that this script starts.
check_version() {
    [[ $KAFKA_VERSION =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || die "KAFKA_VERSION is $KAFKA_VERSION: must be a version such as $POM_VERSION"
    at_least "$KAFKA_OLDEST" || die "KAFKA_VERSION is $KAFKA_VERSION: must be $KAFKA_OLDEST.0 or newer"
}

# with_zookeeper: true if brokers of this version are started with ZooKeeper. KRaft is a preview in 2.8, and has no SCRAM before 3.5.
with_zookeeper() { ! at_least 3.5; }

# kafka_class NAME: the full name of a class in Kafka's jars, such as TopicCommand, whose package depends on the version.
kafka_class() {
    local jars found
    jars=$(class_path) || return
    mapfile -d : -t jars <<<"$jars:"
    # The names of its files are readable in a jar. From 3.x on the classes of `kafka` move to `org.apache.kafka`.
    found=$(printf '%s\n' "${jars[@]}" | grep -E '/(kafka_2\.13|kafka-[a-z-]+)-[^/]*\.jar$' |
        xargs grep -aohE "(org/apache/)?kafka/([a-z]+/)*$1\.class" | sort -r | head -n 1) || true
    [[ -n $found ]] || die "Apache Kafka $KAFKA_VERSION has no $1"
    found=${found%.class}
    echo "${found//\//.}"
}
