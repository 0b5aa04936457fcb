#!/usr/bin/env bash
# Time from start to ready and memory at rest, with private servers; Markdown. Needs target/release/ashlar.
#   tools/bench/start.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
ashlar="${ASHLAR:-target/release/ashlar}"
data="$(mktemp -d)"
trap 'rm -rf "$data"' EXIT
unset DATABASE_URL REDIS_URL

# measure NAME FLAGS…: starts, waits until /readyz says yes, reads resident memory (own and of the private servers), stops
measure() {
  local name="$1" port started ready own all
  shift
  port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
  started="$(date +%s%N)"
  "$ashlar" serve --data-dir "$data" --listen "127.0.0.1:$port" "$@" >"$data.log" 2>&1 &
  local server=$!
  until curl -fs -o /dev/null "http://127.0.0.1:$port/readyz"; do sleep 0.005; done
  ready="$(date +%s%N)"
  sleep 3
  own="$(awk '/^Rss:/ {print $2}' "/proc/$server/smaps_rollup")"
  all="$own"
  for pid in $(pgrep -P "$server"; pgrep -f "$data/postgres" || true); do
    all=$((all + $(awk '/^Pss:/ {s += $2} END {print s + 0}' "/proc/$pid/smaps_rollup" 2>/dev/null || echo 0)))
  done
  kill "$server"
  wait "$server" || true
  printf '| %s | %.2f s | %d MB | %d MB |\n' "$name" "$(awk "BEGIN {print ($ready - $started) / 1e9}")" $((own / 1024)) $((all / 1024))
}

echo '| start | until ready | resident, ashlar | with PostgreSQL and Redis |'
echo '| --- | --- | --- | --- |'
measure "first, no model" --no-model
measure "again, no model" --no-model
measure "again, bundled model"
