#!/usr/bin/env bash
# Format, lints, docs, dependencies, SQL, generated files: all that can be said without running a test.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=target/tools/bin
step() { printf '\n== %s\n' "$*"; }

step format; cargo fmt --all --check
step clippy; cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
step docs; RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --quiet --locked --workspace --no-deps --document-private-items
step dependencies
# of every platform, not only of this one
cargo fetch --quiet --locked
$tools/cargo-deny --offline check --hide-inclusion-graph licenses bans sources
$tools/cargo-shear
step SQL
# shellcheck source=tools/services.sh
source tools/services.sh ashlar_check
tools/sqlx-prepare.sh --check
step web; (cd web && npm run check)
step scripts
git ls-files '*.sh' .ci/run | xargs $tools/shellcheck -x -S warning
$tools/hadolint docker/Dockerfile docker/Dockerfile.cuda
step generated files
cargo build --quiet --locked --workspace --tests --bins
target/debug/ashlar openapi | diff - web/openapi.json || { echo "web/openapi.json is out of date: run make openapi" >&2; exit 1; }
