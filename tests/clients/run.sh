#!/usr/bin/env bash
# Other people's clients against a real server with the bundled model: PyPI dify-client and openai, npm openai.
set -euo pipefail
cd "$(dirname "$0")"
root="$(cd ../.. && pwd)"
ashlar="${ASHLAR_BIN:-$root/target/debug/ashlar}"
data="$(mktemp -d)"
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; rm -rf "$data"' EXIT

[ -x .venv/bin/python ] || python3 -m venv .venv
cmp -s requirements.txt .venv/requirements.txt || {
  .venv/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
  cp requirements.txt .venv/requirements.txt
}
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund

# a server of our own, whatever the environment names
unset DATABASE_URL REDIS_URL
mkdir "$data/models"
ln -s "$root/assets/all-minilm-l6-v2" "$data/models/all-minilm-l6-v2"
port="$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')"
"$ashlar" serve --data-dir "$data" --listen "127.0.0.1:$port" >"$data/serve.log" 2>&1 &
server=$!
for _ in $(seq 300); do
  curl -fs "http://127.0.0.1:$port/readyz" >/dev/null && break
  kill -0 "$server" 2>/dev/null || { cat "$data/serve.log"; exit 1; }
  sleep 0.1
done

export BASE_URL="http://127.0.0.1:$port" PICTURE="$root/docs/pictures/red-circle.png" EMBEDDING_MODEL=local/all-minilm-l6-v2
CHAT_KEY="$("$ashlar" app import "$root/docs/examples/picture-chat.yml" --data-dir "$data" --publish --print-key)"
COMPLETION_KEY="$("$ashlar" app import "$root/docs/examples/upper-case.yml" --data-dir "$data" --publish --print-key)"
MODEL_KEY="$("$ashlar" key create --kind model --data-dir "$data")"
export CHAT_KEY COMPLETION_KEY MODEL_KEY APP_KEY="$CHAT_KEY"
BASE_URL="$BASE_URL/v1" .venv/bin/python dify.py
.venv/bin/python openai_client.py
node openai_client.mjs
