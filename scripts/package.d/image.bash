# shellcheck shell=bash
# The container image, with the daemon at DOCKER_HOST.

# image [--local]: builds ottla:VERSION by the Dockerfile. With --local the image that compiles is made here, for a machine that reaches no
# registry: its cargo has the program of target/release already. The Dockerfile itself is the same.
image() {
    local arguments=()
    mkdir -p "$OUT"
    if [[ ${1:-} == --local ]]; then
        local_builder
        arguments=(--build-arg BUILDER=ottla-local/builder --network none)
    fi
    DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} docker build -q "${arguments[@]}" -t "ottla:$RELEASE" "$ROOT" >"$OUT/image.log" 2>&1 ||
        { tail -n 20 "$OUT/image.log" >&2; die "the image was not built"; }
    say "ottla:$RELEASE: $(docker image inspect --format '{{.Size}}' "ottla:$RELEASE") bytes"
}

local_builder() {
    [[ -x $PROGRAM ]] || die "there is no $PROGRAM: run scripts/package program"
    # A cargo that has compiled already.
    local cargo=$OUT/local-builder
    rm -rf "$cargo"
    mkdir -p "$cargo"/{usr/local/bin,opt}
    cp "$PROGRAM" "$cargo/opt/ottla"
    printf '#!/bin/sh\nmkdir -p /out/bin && cp /opt/ottla /out/bin/ottla\n' >"$cargo/usr/local/bin/cargo"
    chmod 755 "$cargo/usr/local/bin/cargo"
    import_files ottla-local/builder "$cargo" /bin/dash /bin/sh /bin/bash /bin/mkdir /bin/cp /bin/chmod /bin/grep /usr/bin/ldd "$(command -v strip)" \
        /etc/ssl/certs/ca-certificates.crt /usr/share/zoneinfo "$PROGRAM"
    rm -r "$cargo"
}

# import_files TAG FOLDER FILE...: an image of the folder, and of these files of this system with the libraries that they load. PROGRAM is not
# copied, only its libraries.
import_files() {
    local tag=$1 folder=$2 file library
    shift 2
    for file in "$@"; do
        while read -r library; do
            mkdir -p "$folder$(dirname "$library")"
            cp -L "$library" "$folder$library"
        done < <(ldd "$file" 2>/dev/null | grep -oE '/[^ ]+')
        [[ $file != "$PROGRAM" && -e $file ]] || continue
        mkdir -p "$folder$(dirname "$file")"
        cp -rL "$file" "$folder$file"
    done
    # Debian's /lib and /lib64 are links; an image from files has both names.
    tar -C "$folder" --numeric-owner --owner 0 --group 0 -cf - . | docker import --change 'ENV PATH=/usr/local/bin:/usr/bin:/bin' - "$tag" >/dev/null ||
        die "the Docker daemon could not import $tag"
}
