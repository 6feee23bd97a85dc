# shellcheck shell=bash
# The private daemon. Its socket, pid and runtime files are in a temporary folder with a short name, because the path of a socket has at
# most 107 bytes; $STATE/run names the folder. That name in a command line identifies the processes of the daemon.

daemon_run() { cat "$STATE/run" 2>/dev/null || true; }

daemon_host() { echo "unix://$(daemon_run)/docker.sock"; }

daemon_answers() { [[ -n $(daemon_run) ]] && docker -H "$(daemon_host)" version --format '{{.Server.Version}}' >/dev/null 2>&1; }

# daemon_requires: ends with a message if this machine cannot run a daemon.
daemon_requires() {
    [[ $(uname -s) == Linux ]] || cannot "a private Docker daemon needs Linux, this is $(uname -s)"
    [[ $(id -u) == 0 ]] || cannot "a private Docker daemon needs root, this user is $(id -un)"
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null || ! command -v ip >/dev/null ||
        { ! docker compose version >/dev/null 2>&1 && ! command -v docker-compose >/dev/null; }; then
        # Where an init system runs, installing the package would also start a daemon for the whole machine.
        [[ ! -d /run/systemd/system ]] || cannot "dockerd, docker, docker compose or ip is not installed: run scripts/setup docker"
        "$ROOT/scripts/setup" docker || cannot "dockerd is not installed and could not be installed"
    fi
}

daemon_up() {
    ! daemon_answers || return 0
    PATH=$PATH:/usr/sbin:/sbin
    daemon_requires
    daemon_down
    local run bridge pid tries
    mkdir -p "$STATE"
    run=$(mktemp -d "${TMPDIR:-/tmp}/ottla-docker.XXXXXX")
    echo "$run" >"$STATE/run"
    bridge=ottla-${run##*.}
    daemon_bridge "$bridge"
    daemon_weight "$bridge"
    # A session of its own: Ctrl-C in the terminal is not meant for the daemon.
    setsid nohup dockerd --data-root "$STATE/data" --exec-root "$run/exec" --pidfile "$run/pid" -H "unix://$run/docker.sock" \
        --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$bridge" --bridge "$bridge" --default-address-pool base=10.213.128.0/17,size=24 \
        --iptables=false --ip6tables=false --ip-masq=false --ip-forward=false >"$STATE/log" 2>&1 </dev/null &
    pid=$!
    for ((tries = 0; tries < 150; tries++)); do
        ! daemon_answers || return 0
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.2
    done
    local reason
    reason=$(sed -n 's/^failed to start daemon: //p; s/.*level=\(fatal\|error\) msg="\(.*\)"$/\2/p' "$STATE/log" | tail -n 1)
    daemon_down
    cannot "dockerd did not start on this machine: ${reason:-it said nothing} (its log is $STATE/log)"
}

# daemon_bridge NAME: creates a network bridge for the containers that name no network. The default one, docker0, may be another daemon's.
daemon_bridge() {
    local n
    ip link add "$1" type bridge 2>"$STATE/log" || { daemon_down; cannot "this machine cannot create a network bridge: $(<"$STATE/log")"; }
    for ((n = 0; n < 128; n++)); do
        [[ -z $(ip route show "10.213.$n.0/24") ]] || continue
        ip address add "10.213.$n.1/24" dev "$1"
        ip link set "$1" up
        return
    done
    cannot "no free network 10.213.0.0/24 to 10.213.127.0/24"
}

# daemon_weight GROUP: gives all containers together the CPU weight of sixteen processes. Without it they have that of one, and the broker
# waits for each thread of the tests.
daemon_weight() {
    local group
    for group in /sys/fs/cgroup/cpu/$1 /sys/fs/cgroup/$1; do
        { mkdir -p "$group" && { echo 16384 >"$group/cpu.shares" || echo 1600 >"$group/cpu.weight"; }; } 2>/dev/null && return || true
    done
}

# daemon_processes: the pids of the daemon, of what it started, and of all that runs in its containers.
daemon_processes() {
    local run dir
    run=$(daemon_run)
    [[ -n $run ]] || return 0
    for dir in /proc/[0-9]*; do
        if { tr '\0' ' ' <"$dir/cmdline"; } 2>/dev/null | grep -qE -- "^([^ ]*/)?(dockerd|containerd|containerd-shim[^ ]*) .*$run/" ||
            grep -qsF -- "/ottla-${run##*.}/" "$dir/cgroup"; then
            echo "${dir#/proc/}"
        fi
    done
}

daemon_signal() { daemon_processes | xargs -r kill "-$1" 2>/dev/null || true; }

# daemon_down: ends the daemon with its containers, also if parts of it have been killed, and removes its runtime files.
daemon_down() {
    local run tries mount
    PATH=$PATH:/usr/sbin:/sbin
    run=$(daemon_run)
    [[ -n $run ]] || return 0
    if daemon_answers; then
        docker -H "$(daemon_host)" ps -aq | xargs -r docker -H "$(daemon_host)" rm -fv >/dev/null 2>&1 || true
        docker -H "$(daemon_host)" network prune -f >/dev/null 2>&1 || true
    fi
    daemon_signal TERM
    for ((tries = 0; tries < 100; tries++)); do
        [[ -n $(daemon_processes) ]] || break
        ((tries < 30)) || daemon_signal KILL
        sleep 0.2
    done
    while read -r mount; do umount -l "$mount" 2>/dev/null || true; done \
        < <(awk -v run="$run/" -v data="$STATE/data/" 'index($5, run) == 1 || index($5, data) == 1 { print $5 }' /proc/self/mountinfo | sort -r)
    ! command -v ip >/dev/null || ip link delete "ottla-${run##*.}" 2>/dev/null || true
    find /sys/fs/cgroup -depth -type d -path "*/ottla-${run##*.}*" -exec rmdir {} + 2>/dev/null || true
    rm -rf "$run"
    rm -f "$STATE/run"
}

# daemon_while PID: ends the daemon when the process PID has ended, however it ended.
daemon_while() {
    local run
    run=$(daemon_run)
    setsid nohup bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; [[ $(cat "$2/run" 2>/dev/null) != "$3" ]] || DOCKER_STATE=$2 exec "$4" down' \
        bash "$1" "$STATE" "$run" "$ROOT/scripts/docker" >/dev/null 2>&1 </dev/null &
}
