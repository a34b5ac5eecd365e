# The list of recipes. CI calls make test and make compose-test.
#
#   make up                 build and run every role on loopback (REDIS=redis://… keeps the counters there)
#   make web                build the browser app; the next build of weir takes it in (make up does both)
#   make test               everything that has to pass: format, lints, all tests, documentation
#   make browser            drive a real browser through sign-in, calls and limits (part of make test)
#   make rules              check Prometheus's configuration and run the tests of the alerts (part of make test)
#   make dashboard          check Grafana's dashboard against the types that Grafana publishes (part of make test)
#   make bench              measure, compare with the last recorded figures, write bench/latest.json
#   make check              validate config/
#   make image              build the container images weir:local and weir-development:local
#   make kubernetes         render deploy/kubernetes and check it against the published schemas
#   make compose-test       compose.yaml under load: three gateways, two limiters; kills one of each, and Redis (needs docker)

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

.PHONY: up build web test format lint unit doctest docs browser rules dashboard bench check prerequisites image kubernetes compose-test

up: build
	exec target/release/weir up $(if $(REDIS),--redis "$(REDIS)") $(ARGS)

build:
	scripts/prerequisites build
	scripts/web --optional
	cargo build --release --locked

web:
	scripts/web

test: prerequisites format lint rules dashboard docs doctest unit browser

prerequisites:
	scripts/prerequisites test

format:
	cargo fmt --all --check

lint:
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo clippy --locked -p weir --no-default-features -- -D warnings
	scripts/production
	cargo machete

# nextest runs every test in a process of its own; plain cargo test does where it is missing.
unit:
	if cargo nextest --version >/dev/null 2>&1; then \
	  cargo nextest run --locked --workspace --no-fail-fast; \
	else \
	  echo "cargo-nextest is not installed: using cargo test"; \
	  cargo test --locked --workspace --no-fail-fast --lib --bins --tests; \
	fi

doctest:
	cargo test --locked --workspace --doc --quiet

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

browser:
	scripts/browser

rules:
	promtool check config deploy/observability/prometheus.yml
	promtool test rules deploy/observability/alerts.test.yml

dashboard:
	scripts/dashboard

bench:
	scripts/prerequisites bench
	cargo build --release --locked -p weir -p weir-bench
	cargo run --release --locked --quiet -p weir-bench

check:
	cargo run --locked --quiet -- check config

image:
	docker build -t weir:local .
	docker build -t weir-development:local --target development .

kubernetes:
	scripts/kubernetes

compose-test:
	scripts/compose-test
