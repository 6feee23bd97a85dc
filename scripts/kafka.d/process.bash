# shellcheck shell=bash
# A background process: its pid in DIR/pid, its output in DIR/log. It is known again by DIR in its command line, so that a pid the
# system has given to another process since is never signalled.

# process_start DIR JAVA [ARGUMENT...]: starts java with a mark that names DIR.
process_start() {
    local dir=$1 java=$2
    shift 2
    touch "$dir/log"
    # From here on the log is this run's: process_logged does not look at what an earlier one has said.
    wc -c <"$dir/log" >"$dir/log.start"
    (
        # A process group of its own: a Ctrl-C at the terminal is for the command that runs, not for the broker under it.
        set -m
        nohup "$java" "-Dottla.process=$dir" "$@" >>"$dir/log" 2>&1 </dev/null &
        echo $! >"$dir/pid"
    )
    # Until it has become java the mark is not in its command line yet.
    local pid tries=100
    pid=$(<"$dir/pid")
    while ((tries-- > 0)) && ! process_alive "$dir" && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# process_arguments PID: its command line, an argument a line where the system tells them apart.
process_arguments() {
    if [[ -d /proc/self ]]; then
        tr '\0' '\n' <"/proc/$1/cmdline"
    else
        ps -ww -o args= -p "$1" | tr ' ' '\n'
    fi 2>/dev/null
}

# process_alive DIR: true if the process started for DIR is there, be it running or paused.
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

# process_memory DIR: resident memory in MiB, or nothing where the system does not say.
process_memory() {
    local pid
    pid=$(<"$1/pid")
    [[ ! -r /proc/$pid/status ]] || awk '/^VmRSS:/ { printf "%d MiB", $2 / 1024 }' "/proc/$pid/status"
}

# process_signal DIR SIGNAL: fails if the process is not there.
process_signal() {
    process_alive "$1" || return 1
    kill "-$2" "$(<"$1/pid")"
}

# process_wait DIR SECONDS: until it is gone; fails if it is still there then.
process_wait() {
    local end=$((SECONDS + $2))
    while process_alive "$1"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# process_logged DIR PATTERN: true if the run that was started last has logged a line with PATTERN.
process_logged() {
    grep -Eq -- "$2" <(tail -c "+$(($(<"$1/log.start") + 1))" "$1/log")
}

# port_open PORT: true if something listens there on loopback.
port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_ports COUNT: that many ports, a line each. Below 32768, where the systems begin to give ports to outgoing connections: a broker
# that comes back after a kill must find its port free.
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
