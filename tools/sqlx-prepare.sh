#!/usr/bin/env bash
# Checks every sqlx macro against the database of DATABASE_URL and rewrites .sqlx/ (what `cargo sqlx prepare` does, without the tool).
# With --check: fails when .sqlx/ is not what the code needs.
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"
: "${DATABASE_URL:?source tools/services.sh first}"
out="$PWD/.sqlx"; [ "${1:-}" = --check ] && out="$(mktemp -d)"
fresh="$(mktemp -d)"
touch src/lib.rs src/main.rs
SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$fresh" cargo check --quiet --workspace --all-targets
if [ "${1:-}" = --check ]; then
  diff -rq "$fresh" .sqlx || { echo ".sqlx/ is out of date: run tools/sqlx-prepare.sh" >&2; exit 1; }
else
  rm -rf "$out"; mkdir -p "$out"; cp "$fresh"/*.json "$out"/ 2>/dev/null || true
fi
rm -rf "$fresh"
