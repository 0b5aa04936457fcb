#!/usr/bin/env bash
# All tests: console, clients of other people against a real server, the browser, then the Rust suite.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=tools/services.sh
source tools/services.sh ashlar_test
cargo build --locked --workspace --tests --bins
(cd web && npm test)
tests/clients/run.sh
# with private servers of its own, as on a first run
(cd web && env -u DATABASE_URL -u REDIS_URL ASHLAR_BIN="$PWD/../target/debug/ashlar" npm run e2e)
target/tools/bin/cargo-nextest nextest run --locked --workspace
