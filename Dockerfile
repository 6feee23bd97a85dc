# The command ottla. Build: docker build -t ottla .
# Run: docker run --rm --read-only -v "$PWD/config:/config:ro" ottla produce -c /config/orders.toml
# docs/installation.md has more. The image has no shell; the program runs as the user 65532.

ARG BUILDER=rust:1.85-bookworm
ARG BASE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILDER} AS build
WORKDIR /source
COPY . .
# OpenSSL and zstd are built from source and linked statically; outside of the folder, .cargo/config.toml does not apply.
RUN cd / && cargo install --locked --path /source/crates/ottla-cli --features tls-vendored --root /out && strip --strip-unneeded /out/bin/ottla

FROM ${BASE}
COPY --from=build /out/bin/ottla /usr/bin/ottla
USER 65532:65532
WORKDIR /data
# SIGTERM, Docker's default, ends reading, and the records that were read are delivered. Give it time: docker stop --time 30.
STOPSIGNAL SIGTERM
# For a run with --metrics 0.0.0.0:9400. Disable it for other runs: docker run --no-healthcheck.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["/usr/bin/ottla", "health"]
ENTRYPOINT ["/usr/bin/ottla"]
CMD ["--help"]
