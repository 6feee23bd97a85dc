# shellcheck shell=bash
# The Debian package: program, manual pages, completions, an example of a configuration, and the unit.

deb() {
    local tree=$OUT/deb architecture depends file
    [[ -x $PROGRAM ]] || die "there is no $PROGRAM: run scripts/package program"
    architecture=$(dpkg --print-architecture)
    rm -rf "$tree"
    umask 022
    install -D -m 755 "$PROGRAM" "$tree/usr/bin/ottla"
    strip --strip-unneeded "$tree/usr/bin/ottla"
    install -d "$tree/usr/share/man/man1" "$tree/usr/share/doc/ottla" "$tree/etc/ottla"
    "$PROGRAM" man "$tree/usr/share/man/man1"
    install -D -m 644 /dev/stdin "$tree/usr/share/bash-completion/completions/ottla" < <("$PROGRAM" completions bash)
    install -D -m 644 /dev/stdin "$tree/usr/share/zsh/vendor-completions/_ottla" < <("$PROGRAM" completions zsh)
    install -D -m 644 /dev/stdin "$tree/usr/share/fish/vendor_completions.d/ottla.fish" < <("$PROGRAM" completions fish)
    install -m 644 "$ROOT/packaging/example.toml" "$tree/etc/ottla/example.toml"
    install -D -m 644 "$ROOT/packaging/ottla@.service" "$tree/lib/systemd/system/ottla@.service"
    install -m 644 "$ROOT/CHANGELOG.md" "$tree/usr/share/doc/ottla/changelog"
    install -m 644 "$ROOT/docs/command.md" "$tree/usr/share/doc/ottla/command.md"
    [[ ! -f $OUT/sbom.cdx.json ]] || install -m 644 "$OUT/sbom.cdx.json" "$tree/usr/share/doc/ottla/sbom.cdx.json"
    # The licence's own text, indented as the format wants it.
    { cat "$ROOT/packaging/debian/copyright" && sed 's/^$/./; s/^/ /' "$ROOT/LICENSE-MIT"; } >"$tree/usr/share/doc/ottla/copyright"
    gzip -9n "$tree"/usr/share/man/man1/*.1 "$tree/usr/share/doc/ottla/changelog"

    install -d "$tree/DEBIAN"
    for file in postinst prerm postrm; do install -m 755 "$ROOT/packaging/debian/$file" "$tree/DEBIAN/$file"; done
    echo /etc/ottla/example.toml >"$tree/DEBIAN/conffiles"
    depends=$(shared_libraries "$tree/usr/bin/ottla")
    cat >"$tree/DEBIAN/control" <<CONTROL
Package: ottla
Version: $RELEASE
Architecture: $architecture
Maintainer: The ottla developers <ottla@localhost>
Installed-Size: $(du -sk --exclude DEBIAN "$tree" | cut -f 1)
Depends: $depends
Recommends: ca-certificates
Section: utils
Priority: optional
Description: produce files to Kafka
 Sends CSV, JSON lines and text to Apache Kafka, plain or compressed, with a
 report for every record, without code. It also reads topics, checks and
 explains configurations, and registers schemas. The unit ottla@NAME follows
 files.
CONTROL
    (cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
    find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
    DEB=$OUT/ottla_${RELEASE}_$architecture.deb
    dpkg-deb --root-owner-group --build "$tree" "$DEB" >/dev/null
    rm -r "$tree"
    say "$DEB: $(stat -c %s "$DEB") bytes, depends on $depends"
}

# shared_libraries PROGRAM: the packages that have its libraries, with their lowest versions.
shared_libraries() {
    local folder=$OUT/shlibdeps
    rm -rf "$folder"
    mkdir -p "$folder/debian"
    printf 'Source: ottla\n\nPackage: ottla\nArchitecture: any\n' >"$folder/debian/control"
    (cd "$folder" && dpkg-shlibdeps -O "$1" 2>log) | sed 's/^shlibs:Depends=//' || { cat "$folder/log" >&2; die "dpkg-shlibdeps failed"; }
    rm -r "$folder"
}

# test_deb: in a Debian of this release, made with mmdebstrap: installs the package, produces to the Kafka at KAFKA_BOOTSTRAP_SERVERS, runs the
# command of the unit, and purges the package.
test_deb() {
    local debs=("$OUT"/ottla_*.deb) clean=$OUT/clean-root
    [[ -f ${debs[0]} ]] || die "there is no package: run scripts/package deb"
    [[ $(id -u) == 0 ]] || die "test-deb needs root"
    [[ -n ${KAFKA_BOOTSTRAP_SERVERS:-} ]] || die "test-deb needs a Kafka: scripts/kafka run -- scripts/package test-deb"
    rm -rf "$clean"
    mmdebstrap --quiet --variant=apt "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$clean" 2>"$OUT/mmdebstrap.log" ||
        { tail -n 5 "$OUT/mmdebstrap.log" >&2; die "mmdebstrap failed"; }
    cp "${debs[0]}" "$clean/tmp/ottla.deb"
    cp "$ROOT/scripts/package.d/in_clean_root.sh" "$clean/tmp/"
    cp /etc/resolv.conf "$clean/etc/resolv.conf" 2>/dev/null || true
    local code=0
    unshare --mount --pid --fork --kill-child --mount-proc="$clean/proc" chroot "$clean" /bin/sh -eu /tmp/in_clean_root.sh || code=$?
    rm -rf "$clean"
    return "$code"
}
