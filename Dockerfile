# Two images: `weir`, for production (gateway, limiter, check, health, load tests), and `development`, which adds what
# stands in for the rest of the world: provider, function host, pages, tokens. Builds with BuildKit and with the legacy
# builder.
#
#   docker build -t weir .
#   docker build -t weir-development --target development .
#
# A build behind a proxy or a registry of its own needs nothing here: docker passes HTTP_PROXY and its relatives through,
# and cargo and npm read CARGO_REGISTRIES_… and NPM_CONFIG_… from the base images.

# The browser app. Its dependencies change less often than its sources.
FROM node:20-bookworm-slim AS web
WORKDIR /weir/spa
COPY spa/package.json spa/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY spa ./
RUN npm run build

# The workspace without its code: what cargo needs to build the dependencies, and nothing that changes with every edit.
# The next stage copies it, so its layers stay valid as long as no manifest changes. No list of crates to maintain.
FROM debian:bookworm-slim AS skeleton
WORKDIR /weir
COPY . .
RUN deploy/image/skeleton /skeleton

FROM rust:1-bookworm AS build
WORKDIR /weir
COPY --from=skeleton /skeleton ./
RUN cargo build --release --locked -p weir --no-default-features
COPY . .
# Files keep the times of the checkout, which lie before the build of the stand-ins: cargo would take those for current.
RUN find . -name target -prune -o -name '*.rs' -exec touch {} + \
 && cargo build --release --locked -p weir --no-default-features \
 && mkdir -p /out/usr/local/bin /out/etc/ssl/certs /out/etc/weir /home-of-weir \
 && cp target/release/weir /out/usr/local/bin/ \
 && strip /out/usr/local/bin/weir \
 && cp -r config /out/etc/weir/config \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && chmod -R a+rX /out

# The same with the development kit: most of it is built already.
FROM build AS build-development
COPY --from=web /weir/spa/dist spa/dist
RUN cargo build --release --locked -p weir \
 && cp target/release/weir /out/usr/local/bin/ \
 && strip /out/usr/local/bin/weir

# What runs: the binary, the certificates of public authorities, an example configuration. Nothing is installed, and
# nothing here needs the shell. In a container, loopback is reachable by nobody: roles that would use development secrets
# refuse to start here.
FROM debian:bookworm-slim AS development
LABEL org.opencontainers.image.title="weir-development" \
      org.opencontainers.image.description="weir with the development kit: provider, function host, pages, tokens" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-development /out /
# Where `weir identity --accounts sqlite:…` may write. A volume that is mounted here takes over its owner.
COPY --from=build --chown=65532:65532 /home-of-weir /var/lib/weir
ENV WEIR_GATEWAY_LISTEN=0.0.0.0:8080  WEIR_GATEWAY_OPS_LISTEN=0.0.0.0:9080  WEIR_GATEWAY_CONFIG=/etc/weir/config \
    WEIR_LIMITER_LISTEN=0.0.0.0:8081  WEIR_LIMITER_OPS_LISTEN=0.0.0.0:9081 \
    WEIR_BACKEND_LISTEN=0.0.0.0:7071  WEIR_BACKEND_OPS_LISTEN=0.0.0.0:9071 \
    WEIR_IDENTITY_LISTEN=0.0.0.0:8090 WEIR_IDENTITY_OPS_LISTEN=0.0.0.0:9091 \
    WEIR_WEB_LISTEN=0.0.0.0:3000      WEIR_WEB_OPS_LISTEN=0.0.0.0:9300
USER 65532:65532
WORKDIR /var/lib/weir
EXPOSE 8080 9080 8081 9081 7071 9071 8090 9091 3000 9300
# Asks whichever role runs here whether it is ready.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["weir", "health"]
ENTRYPOINT ["weir"]
CMD ["--help"]

# The last stage is what `docker build` makes unless told otherwise: production.
FROM debian:bookworm-slim AS weir
LABEL org.opencontainers.image.title="weir" \
      org.opencontainers.image.description="An API gateway with exact, distributed rate limiting" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out /
COPY --from=build --chown=65532:65532 /home-of-weir /var/lib/weir
ENV WEIR_GATEWAY_LISTEN=0.0.0.0:8080  WEIR_GATEWAY_OPS_LISTEN=0.0.0.0:9080  WEIR_GATEWAY_CONFIG=/etc/weir/config \
    WEIR_LIMITER_LISTEN=0.0.0.0:8081  WEIR_LIMITER_OPS_LISTEN=0.0.0.0:9081
USER 65532:65532
WORKDIR /var/lib/weir
EXPOSE 8080 9080 8081 9081
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 CMD ["weir", "health"]
ENTRYPOINT ["weir"]
CMD ["--help"]
