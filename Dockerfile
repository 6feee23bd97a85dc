# The command ottla. Build: docker build -t ottla .
# Run: docker run --rm --read-only -v "$PWD/config:/config:ro" ottla produce -c /config/orders.toml
# docs/installation.md has more. The image has no shell; the program runs as the user 65532.

ARG BUILDER=rust:1.85-bookworm

FROM ${BUILDER} AS build
WORKDIR /source
COPY . .
# OpenSSL and zstd are built from source and linked statically: .dockerignore leaves out .cargo/config.toml, which selects the system's zstd.
RUN cargo install --locked --path crates/ottla-cli --features tls-vendored --root /out && strip --strip-unneeded /out/bin/ottla
# The program, the libraries that it loads, the certificates of authorities, the time zones, and its user.
RUN mkdir -p /image/etc /image/usr/bin /image/usr/share /image/data /image/tmp && chmod 1777 /image/tmp && \
    cp /out/bin/ottla /image/usr/bin/ && \
    cp --parents --dereference $(ldd /out/bin/ottla | grep -o '/[^ ]*') /etc/ssl/certs/ca-certificates.crt /image/ && \
    cp --recursive --dereference /usr/share/zoneinfo /image/usr/share/ && \
    printf 'root:x:0:0::/:/sbin/nologin\nnonroot:x:65532:65532::/:/sbin/nologin\n' >/image/etc/passwd

FROM scratch
COPY --from=build /image /
USER 65532:65532
WORKDIR /data
# SIGTERM, Docker's default, ends reading, and the records that were read are delivered. Give it time: docker stop --time 150.
STOPSIGNAL SIGTERM
# For a run with --metrics 0.0.0.0:9400. Disable it for other runs: docker run --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/ottla", "health"]
ENTRYPOINT ["/usr/bin/ottla"]
CMD ["--help"]
