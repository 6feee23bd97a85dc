# shellcheck shell=bash
# Cold builds: what somebody waits for after the first clone. Each starts from the last commit, with an empty target directory. The crates
# are downloaded before.

# cold NAME COMMAND...: runs the command in the current folder, and prints a row: crates, CPU-seconds (without those of brokers), seconds.
cold() {
    local log=$OUT/builds/$1.log name=$1 crates cpu times TIMEFORMAT='%U %S %R'
    shift
    mkdir -p "$OUT/builds"
    times=$({ time "$@" >"$log" 2>&1; } 2>&1) || { say "$name failed (log: $log)"; return 1; }
    crates=$(sed -e $'s/\x1b\\[[0-9;]*m//g' -n -e 's/^ *\(Compiling\|Checking\) \([^ ]* v[^ ]*\).*/\2/p' "$log" | sort -u | wc -l)
    cpu=$(awk '{ printf "%.0f | %.0f", $1 + $2, $3 }' <<<"$times")
    echo "| $name | $crates | $cpu |"
}

# program FOLDER: a program that depends on ottla in ../ottla with default features, and on the same versions as ottla's own.
program() {
    mkdir -p "$1/src"
    cp "$1/../ottla/Cargo.lock" "$1"
    printf '[package]\nname = "program"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\nottla = { path = "../ottla" }\n' >"$1/Cargo.toml"
    echo 'fn main() { let _ = ottla::ProducerConfig::new(); }' >"$1/src/main.rs"
}

# builds [demo] [program] [test]: measures these, or all of them, one after another: half an hour on two quiet cores.
builds() {
    local what folder
    (($# > 0)) || set -- demo program test
    unset CARGO_TARGET_DIR
    "$ROOT/scripts/setup"
    (cd "$ROOT" && cargo fetch --locked -q)
    printf '| build | crates | CPU-s | s |\n| --- | --- | --- | --- |\n'
    for what in "$@"; do
        folder=$(mktemp -d "${TMPDIR:-/tmp}/ottla-builds.XXXXXX")
        git clone -q "$ROOT" "$folder/ottla"
        case $what in
            demo) (cd "$folder/ottla" && cold 'make demo' make demo) ;;
            program)
                program "$folder/program"
                (
                    cd "$folder/program" && cold 'a program with default features' cargo build --offline && rm -rf target &&
                        cold "the same, with an OpenSSL built from source" cargo build --offline --features ottla/tls-vendored
                ) ;;
            test) (cd "$folder/ottla" && cold 'make test' make test) ;;
            *) say "unknown build $what, must be demo, program or test"; rm -rf "$folder"; return 2 ;;
        esac || { rm -rf "$folder"; return 1; }
        rm -rf "$folder"
    done
}
