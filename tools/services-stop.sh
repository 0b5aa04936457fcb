#!/usr/bin/env bash
# Stops what tools/services.sh started.
dir="${ASHLAR_SERVICES_DIR:-/tmp/ashlar-services-$(id -u)}"
redis-cli -s "$dir/redis.sock" shutdown nosave 2>/dev/null
[ -f "$dir/pg/postmaster.pid" ] && kill -INT "$(head -1 "$dir/pg/postmaster.pid")"
exit 0
