# shellcheck shell=bash
# A background process: its pid in DIR/pid, its output in DIR/log. It is recognised by DIR in its command line, so that a reused pid
# is never signalled.

# process_start DIR JAVA [ARGUMENT...]: starts java with DIR in its command line.
process_start() {
    local dir=$1 java=$2
    shift 2
    touch "$dir/log"
    # From here on the log belongs to this run: process_logged ignores the output of earlier runs.
    wc -c <"$dir/log" >"$dir/log.start"
    (
        # A separate process group: Ctrl-C in the terminal ends the command that runs, not the broker.
        set -m
        nohup "$java" "-Dottla.process=$dir" "$@" >>"$dir/log" 2>&1 </dev/null &
        echo $! >"$dir/pid"
    )
    # DIR is in its command line only after exec of java.
    local pid tries=100
    pid=$(<"$dir/pid")
    while ((tries-- > 0)) && ! process_alive "$dir" && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# process_arguments PID: its command line, one argument per line where the system separates them.
process_arguments() {
    if [[ -d /proc/self ]]; then
        tr '\0' '\n' <"/proc/$1/cmdline"
    else
        ps -ww -o args= -p "$1" | tr ' ' '\n'
    fi 2>/dev/null
}

# process_alive DIR: true if the process that was started for DIR exists, running or paused.
process_alive() {
    local pid
    [[ -s $1/pid ]] || return 1
    pid=$(<"$1/pid")
    grep -Fxq -- "-Dottla.process=$1" <(process_arguments "$pid")
}

# process_state DIR: running, paused or down.
process_state() {
    process_alive "$1" || { echo down; return; }
    local pid state
    pid=$(<"$1/pid")
    if [[ -r /proc/$pid/status ]]; then
        state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$pid/status")
    else
        state=$(ps -o state= -p "$pid")
    fi
    if [[ $state == T* ]]; then echo paused; else echo running; fi
}

# process_memory DIR: resident memory in MiB, or nothing if it is unknown.
process_memory() {
    local pid
    pid=$(<"$1/pid")
    [[ ! -r /proc/$pid/status ]] || awk '/^VmRSS:/ { printf "%d MiB", $2 / 1024 }' "/proc/$pid/status"
}

# process_signal DIR SIGNAL: fails if the process does not exist.
process_signal() {
    process_alive "$1" || return 1
    kill "-$2" "$(<"$1/pid")"
}

# process_wait DIR SECONDS: waits until it has ended; fails if it still runs then.
process_wait() {
    local end=$((SECONDS + $2))
    while process_alive "$1"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# process_logged DIR PATTERN: true if the last run has logged a line with PATTERN.
process_logged() {
    grep -Eq -- "$2" <(tail -c "+$(($(<"$1/log.start") + 1))" "$1/log")
}

# port_open PORT: true if a process listens at it on loopback.
port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_ports COUNT: that many free ports, one per line. Below 32768, where systems begin to allocate ports for outgoing connections: a
# restarted broker must find its port free.
free_ports() {
    local -A taken=()
    local port
    while ((${#taken[@]} < $1)); do
        port=$((20000 + RANDOM % 10000))
        [[ -z ${taken[$port]:-} ]] || continue
        port_open "$port" || taken[$port]=1
    done
    printf '%s\n' "${!taken[@]}"
}
