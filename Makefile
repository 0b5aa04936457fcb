# The commands of this repository. `make up` and `make test` install what they need themselves.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.PHONY: up test check check-gpu bench openapi web clean-services

TOOLS := target/tools/bin
DATA_DIR ?= data
LISTEN ?= 127.0.0.1:8080

# Build everything in release mode and start the server with private PostgreSQL and Redis and the bundled model.
up:
	tools/install.sh run
	$(MAKE) --no-print-directory web
	cargo build --release --locked
	exec target/release/ashlar serve --data-dir "$(DATA_DIR)" --listen "$(LISTEN)"

# Everything CI runs.
test:
	tools/install.sh test
	tools/fetch-assets.sh assets smollm2 minilm
	$(MAKE) --no-print-directory web check
	tools/test.sh

# The part of the tests that runs nothing: format, lints, docs, dependencies, generated files.
check:
	tools/check.sh

# Lints of the code for GPUs; needs no GPU, and fetches a CUDA compiler where there is none.
check-gpu:
	command -v nvcc >/dev/null || . <(tools/cuda-toolkit.sh)
	cargo clippy --locked --workspace --all-targets --features cuda -- -D warnings

# The console, built into web/dist (embedded in the binary).
web:
	cd web
	[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --no-audit --no-fund
	npm run build

# Measurements against peers, written as Markdown to the terminal; see docs/benchmarks.md.
bench:
	tools/install.sh test
	tools/fetch-assets.sh assets smollm2 minilm
	cargo build --release --locked
	tools/bench/all.sh

# openapi.json and the console's types from the code.
openapi:
	cargo build --quiet --workspace --tests --bins
	target/debug/ashlar openapi > web/openapi.json
	cd web
	npm run api

clean-services:
	tools/services-stop.sh
