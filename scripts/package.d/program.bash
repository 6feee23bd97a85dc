# shellcheck shell=bash
# The command as a release has it: the same commit and compilers give the same bytes, in any folder.

# program: the paths of the sources, the build and the crates are in panic messages, and in the __FILE__ of C; all three are replaced.
program() {
    local cargo=${CARGO_HOME:-$HOME/.cargo} rust=() c='-g0' path
    for path in "$ROOT=/ottla" "$cargo=/cargo" "$TARGET=/target"; do
        rust+=("--remap-path-prefix=$path")
        c+=" -ffile-prefix-map=$path"
    done
    "$ROOT/scripts/setup" build
    # -g0 is what .cargo/config.toml has, too.
    (cd "$ROOT" && CARGO_ENCODED_RUSTFLAGS=$(IFS=$'\x1f' && echo "${rust[*]}") CFLAGS=$c cargo build --locked --release --package ottla-cli)
    say "$TARGET/release/ottla: $(sha256sum "$TARGET/release/ottla" | cut -d ' ' -f 1)"
}

# reproduce: builds the last commit in two clones, the second with another home of cargo, and compares the programs.
reproduce() {
    local folder=$OUT/reproduce cargo=${CARGO_HOME:-$HOME/.cargo} name first second
    rm -rf "$folder"
    mkdir -p "$folder/cargo/registry"
    # What is downloaded already.
    for name in cache index; do [[ ! -d $cargo/registry/$name ]] || cp -r "$cargo/registry/$name" "$folder/cargo/registry/"; done
    git clone -q "$ROOT" "$folder/first"
    git clone -q "$ROOT" "$folder/another-folder/second"
    (unset CARGO_TARGET_DIR && "$folder/first/scripts/package" program)
    (unset CARGO_TARGET_DIR && CARGO_HOME=$folder/cargo "$folder/another-folder/second/scripts/package" program)
    first=$folder/first/target/release/ottla second=$folder/another-folder/second/target/release/ottla
    cmp "$first" "$second" || die "two builds of one commit differ: $first and $second"
    say "two builds of one commit are equal: $(sha256sum "$first" | cut -d ' ' -f 1)"
    cp "$first" "$OUT/ottla"
    rm -rf "$folder"
}
