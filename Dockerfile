# syntax=docker/dockerfile:1
# The image of flowq: one binary on distroless, not root, read-only root file system.
#
#   docker build --build-arg FLOWQ_COMMIT="$(git rev-parse HEAD)" -t flowq .
#   docker run --read-only --tmpfs /tmp -v "$PWD:/data:ro" flowq detect /data/logs --inventory /data/inventory
#
# With a binary that is already built (packaging/build.sh) nothing is compiled:
#
#   docker build --build-context build=target/package/image -t flowq .
FROM rust:1.95-bookworm AS build
ARG FLOWQ_COMMIT
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin flowq && install -D target/release/flowq /usr/bin/flowq

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/bin/flowq /usr/bin/flowq
COPY LICENSE /usr/share/doc/flowq/LICENSE
# Where detect, sql and the prompt put data that does not fit --memory. A volume, so that the root can be read-only.
VOLUME ["/tmp"]
WORKDIR /data
# Only `flowq feed` with [metrics] listen answers; other commands end before the first check.
HEALTHCHECK --interval=60s --timeout=10s --start-period=15m --retries=3 \
    CMD ["/usr/bin/flowq", "health", "--config", "/etc/flowq/flowq.toml"]
ENTRYPOINT ["/usr/bin/flowq"]
CMD ["--help"]
