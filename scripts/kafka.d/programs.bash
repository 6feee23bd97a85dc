# shellcheck shell=bash
# Java, and Kafka's and Apicurio's programs from Maven Central; needs ROOT, POM, CACHE, KAFKA_VERSION and REGISTRY_VERSION;
# kafka_tool also needs versions.bash.

# java_command: the java to use, version 17 or newer.
java_command() {
    local java=${JAVA_HOME:+$JAVA_HOME/bin/}java major
    command -v "$java" >/dev/null || die "java is not installed: run scripts/setup broker"
    major=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
    [[ ${major:-0} -ge 17 ]] || die "$java is Java ${major:-of an unknown version}, but Kafka $KAFKA_VERSION needs 17 or newer: set JAVA_HOME"
    echo "$java"
}

# maven GOAL [ARGUMENT...]: runs Maven, offline if it has already downloaded everything. If it fails, MAVEN_ERROR has the reason.
maven() {
    mvn -B -q -ntp -o -f "$POM" "$@" >/dev/null 2>&1 || MAVEN_ERROR=$(mvn -B -q -ntp -f "$POM" "$@" 2>&1) || {
        MAVEN_ERROR=$(sed -n '/\[ERROR\]/{s/.*\[ERROR\] //;s/.*\(Could not \)/\1/;s/ -> \[Help.*//;p;q;}' <<<"$MAVEN_ERROR")
        return 1
    }
}

# class_path: resolved once, then read from target/ while every jar in it exists.
class_path() {
    local file=$CACHE/classpath-$KAFKA_VERSION jar
    if [[ -s $file && ! $POM -nt $file ]]; then
        local missing=
        while read -r -d : jar; do [[ -f $jar ]] || missing=$jar; done <<<"$(<"$file"):"
        [[ -n $missing ]] || { cat "$file"; return; }
    fi
    command -v mvn >/dev/null || die "mvn is not installed: run scripts/setup broker"
    say "resolving the jars of Apache Kafka $KAFKA_VERSION with Maven"
    mkdir -p "$CACHE"
    maven dependency:build-classpath "-Dkafka.version=$KAFKA_VERSION" "-Dmdep.outputFile=$file.$$" ||
        die "Maven cannot resolve the jars of Apache Kafka $KAFKA_VERSION (does it exist, is Maven Central reachable?): $MAVEN_ERROR"
    # One slf4j binding is enough: without these, Kafka before 4.0 logs through slf4j-simple like the newer versions.
    sed -i -e 's/$/:/' -e 's/[^:]*\/slf4j-\(log4j12\|reload4j\)-[^:]*://g' -e 's/:$//' "$file.$$"
    mv "$file.$$" "$file"
    cat "$file"
}

# class_archive: the file of Kafka's classes in the JVM's own form, with which a JVM starts in half the CPU time. The JVM ignores a file that
# does not exist, and one of another JVM or of other jars.
class_archive() { echo "$CACHE/classes-$KAFKA_VERSION.jsa"; }

# class_archive_wanted: true if there is no usable archive, and none is being made. The lock is held until this process and the brokers that it
# starts have ended.
class_archive_wanted() {
    local archive lock
    archive=$(class_archive)
    [[ ! -s $archive || $CACHE/classpath-$KAFKA_VERSION -nt $archive ]] && command -v flock >/dev/null || return 1
    exec {lock}>"$archive.lock" && flock -n "$lock"
}

# class_archive_make LIST: makes it of the classes that a broker has listed (-XX:DumpLoadedClassList). Without it everything works, slower.
class_archive_make() {
    local archive java jars list=$1.complete
    archive=$(class_archive) java=$(java_command) jars=$(class_path) || return 0
    # The broker may be writing a line.
    sed '$d' "$1" >"$list"
    CLASSPATH=$jars "$java" -Xshare:dump "-XX:SharedClassListFile=$list" "-XX:SharedArchiveFile=$archive.$$" >/dev/null 2>&1 &&
        mv "$archive.$$" "$archive" || rm -f "$archive.$$"
}

# kafka_java CLASS [ARGUMENT...]: runs one of Kafka's programs, with only the C1 compiler and the serial collector, for a quick start.
kafka_java() {
    local java jars
    java=$(java_command) || return
    jars=$(class_path) || return
    CLASSPATH=$jars "$java" "-XX:SharedArchiveFile=$(class_archive)" -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error "$@"
}

# kafka_tool CLASS [ARGUMENT...]: like kafka_java, but CLASS has no package.
kafka_tool() {
    local class
    class=$(kafka_class "$1") || return
    kafka_java "$class" "${@:2}"
}

# registry_program: the folder of the unpacked Apicurio Registry, which is downloaded if it is not there.
registry_program() {
    local unpacked=$CACHE/apicurio-registry-$REGISTRY_VERSION
    if [[ ! -d $unpacked ]]; then
        say "downloading Apicurio Registry $REGISTRY_VERSION with Maven"
        mkdir -p "$unpacked.$$"
        maven dependency:unpack "-Dartifact=io.apicurio:apicurio-registry-app:$REGISTRY_VERSION:tar.gz:all" \
            "-DoutputDirectory=$unpacked.$$" -DmarkersDirectory="$unpacked.$$/.markers" ||
            die "Maven could not download the registry: $MAVEN_ERROR"
        # If another instance has created the folder in the meantime, that one is used.
        mv -T "$unpacked.$$" "$unpacked" 2>/dev/null || rm -rf "$unpacked.$$"
    fi
    echo "$unpacked"
}
