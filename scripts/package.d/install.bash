# shellcheck shell=bash
# The command as `cargo install ottla-cli` builds it: from the packaged files, without the repository.

# install_crates: installs ottla-cli of target/package, with its two siblings from there and the other crates as Cargo.lock has them, and
# produces with it.
install_crates() {
    local folder=$OUT/install vendor=$OUT/install/vendor crate file answer
    rm -rf "$folder"
    mkdir -p "$folder"
    (cd "$ROOT" && cargo vendor --locked --quiet "$vendor" >/dev/null)
    for crate in "${CRATES[@]}"; do
        file=$OUT/$crate-$RELEASE.crate
        [[ -f $file ]] || die "there is no $file: run scripts/package crates"
        mkdir "$vendor/$crate"
        tar -xzf "$file" --strip-components 1 -C "$vendor/$crate"
        printf '{"files": {}, "package": "%s"}' "$(sha256sum "$file" | cut -d ' ' -f 1)" >"$vendor/$crate/.cargo-checksum.json"
    done
    # Outside of the repository, where its .cargo/config.toml does not apply.
    (cd / && cargo install --locked --offline "ottla-cli@$RELEASE" --root "$folder" --target-dir "$folder/target" \
        --config 'source.crates-io.replace-with = "packaged"' --config "source.packaged.directory = '$vendor'")
    [[ $("$folder/bin/ottla" --version) == "ottla $RELEASE" ]] || die "ottla --version is not $RELEASE"
    printf 'topic = "notes"\n[producer]\nbootstrap.servers = "localhost:9092"\n' >"$folder/notes.toml"
    answer=$(printf 'first\nsecond\nthird\n' | "$folder/bin/ottla" produce --embedded --config "$folder/notes.toml" 2>&1) ||
        { printf '%s\n' "$answer" >&2; die "the installed command failed"; }
    printf '%s\n' "$answer"
    grep -q '^3 records acknowledged' <<<"$answer" || die "the installed command did not send three records"
    say "ottla-cli $RELEASE was installed from the packaged files: $(stat -c %s "$folder/bin/ottla") bytes"
    rm -rf "$folder"
}
