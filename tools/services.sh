# shellcheck shell=bash
# Source this: a private PostgreSQL and Redis for development and tests, shared by all checkouts of one user.
#   source tools/services.sh [NAME]   exports DATABASE_URL (database NAME, migrated) and REDIS_URL
# Stop both with: tools/services-stop.sh
_services() {
  local name="${1:-ashlar}" dir="${ASHLAR_SERVICES_DIR:-/tmp/ashlar-services-$(id -u)}" bin as=()
  bin="$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)"
  [ -n "$bin" ] || { echo "PostgreSQL is missing: apt-get install -y postgresql" >&2; return 1; }
  command -v redis-server >/dev/null || { echo "Redis is missing: apt-get install -y redis-server" >&2; return 1; }
  mkdir -p "$dir"; chmod 755 "$dir"
  # PostgreSQL refuses to run as root
  if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid postgres --regid postgres --clear-groups); chown postgres "$dir"; fi
  (
    flock 9
    if ! "$bin/pg_isready" -q -h "$dir"; then
      [ -f "$dir/pg/PG_VERSION" ] || "${as[@]}" "$bin/initdb" -D "$dir/pg" -A trust -U app --no-locale -E UTF8 --no-sync --no-instructions >"$dir/initdb.log" 2>&1
      # fsync off: these databases are thrown away
      (cd "$dir" && exec setsid "${as[@]}" "$bin/postgres" -D "$dir/pg" -c listen_addresses= -c unix_socket_directories="$dir" -c fsync=off -c max_connections=400 -c shared_buffers=64MB >"$dir/pg.log" 2>&1 9>&- </dev/null &)
      for _ in $(seq 100); do "$bin/pg_isready" -q -h "$dir" && break; sleep 0.1; done
    fi
    redis-cli -s "$dir/redis.sock" ping >/dev/null 2>&1 ||
      (cd "$dir" && exec setsid redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no >"$dir/redis.log" 2>&1 9>&- </dev/null &)
    for _ in $(seq 50); do redis-cli -s "$dir/redis.sock" ping >/dev/null 2>&1 && break; sleep 0.1; done
  ) 9>"$dir.lock" || return 1
  export DATABASE_URL="postgresql:///$name?host=$dir&user=app" REDIS_URL="redis+unix://$dir/redis.sock"
  "$bin/psql" -q -h "$dir" -U app postgres -tAc "select 1 from pg_database where datname='$name'" | grep -q 1 ||
    "$bin/createdb" -h "$dir" -U app "$name"
  "$bin/psql" -q -h "$dir" -U app "$name" -c "create table if not exists dev_migrations (file text primary key)" 2>/dev/null
  local file
  for file in "$(git rev-parse --show-toplevel)"/migrations/*.sql; do
    "$bin/psql" -h "$dir" -U app "$name" -tAc "select 1 from dev_migrations where file='${file##*/}'" | grep -q 1 && continue
    "$bin/psql" -q -h "$dir" -U app "$name" -v ON_ERROR_STOP=1 -1 -f "$file" -c "insert into dev_migrations values ('${file##*/}')" || return 1
  done
}
_services "$@"
