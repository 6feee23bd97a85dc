# shellcheck shell=bash
# A background process: its pid is in DIR/pid, its output in DIR/log. DIR in its command line identifies it, so that a signal is never sent
# to another process that has been given the same pid since.

# process_start DIR JAVA [ARGUMENT...]: starts java with a property that contains DIR.
process_start() {
    local dir=$1 java=$2
    shift 2
    touch "$dir/log"
    # process_logged reads the log only from this position, so it does not see the output of an earlier run.
    wc -c <"$dir/log" >"$dir/log.start"
    (
        # A separate process group: Ctrl-C in the terminal interrupts the command that runs, not the broker.
        set -m
        nohup "$java" "-Dottla.process=$dir" "$@" >>"$dir/log" 2>&1 </dev/null &
        echo $! >"$dir/pid"
    )
    # The property is not in the command line until the shell has executed java.
    local pid tries=100
    pid=$(<"$dir/pid")
    while ((tries-- > 0)) && ! process_alive "$dir" && kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
}

# process_arguments PID: its command line, one argument per line if the system separates them.
process_arguments() {
    if [[ -d /proc/self ]]; then
        tr '\0' '\n' <"/proc/$1/cmdline"
    else
        ps -ww -o args= -p "$1" | tr ' ' '\n'
    fi 2>/dev/null
}

# process_alive DIR: true if the process that was started for DIR is running or paused.
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

# process_memory DIR: its resident memory in MiB, or nothing if the system does not provide it.
process_memory() {
    local pid
    pid=$(<"$1/pid")
    [[ ! -r /proc/$pid/status ]] || awk '/^VmRSS:/ { printf "%d MiB", $2 / 1024 }' "/proc/$pid/status"
}

# process_signal DIR SIGNAL: sends the signal; fails if the process is not running.
process_signal() {
    process_alive "$1" || return 1
    kill "-$2" "$(<"$1/pid")"
}

# process_wait DIR SECONDS: waits until the process has ended; fails after that time.
process_wait() {
    local end=$((SECONDS + $2))
    while process_alive "$1"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# process_logged DIR PATTERN: true if the latest run has logged a line that matches PATTERN.
process_logged() {
    grep -Eq -- "$2" <(tail -c "+$(($(<"$1/log.start") + 1))" "$1/log")
}

# port_open PORT: true if a process listens on that port of the loopback interface.
port_open() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# free_ports COUNT: that many free ports, one per line. They are below 32768, where systems start to assign ports to outgoing connections,
# because a broker that restarts after a kill must find its port free.
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
