# One binary in a small image, not run as root.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY Cargo.toml Cargo.lock ./
COPY src ./src
COPY benches ./benches
COPY tests ./tests
RUN cargo build --release --locked --bin postroom

FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/postroom --create-home postroom
COPY --from=build /build/target/release/postroom /usr/local/bin/postroom
# postroom.toml, rules/ and fixtures/ are mounted at /etc/postroom; [state] path should lie in /var/lib/postroom.
WORKDIR /etc/postroom
USER postroom
VOLUME ["/var/lib/postroom"]
EXPOSE 8080
ENTRYPOINT ["postroom"]
CMD ["run"]
