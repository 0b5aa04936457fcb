#!/usr/bin/env bash
# The same graphs through this runtime and through graphon, the engine behind Dify; then runs over HTTP, and llm nodes side by side.
# graphon needs Python 3.12 or newer and comes from PyPI.
set -euo pipefail
cd "$(dirname "$0")/../.."
graphs=(tests/fixtures/workflows/{start-end,start-template-choice-end,iteration-50}.yml)
target/release/ashlar bench graphs "${graphs[@]}"
python=$(command -v python3.14 || command -v python3.13 || command -v python3.12 || true)
if [ -n "$python" ]; then
  [ -x target/graphon/bin/python ] || "$python" -m venv target/graphon
  target/graphon/bin/pip install --quiet --disable-pip-version-check graphon==0.8.0
  target/graphon/bin/python tools/bench/graphon_peer.py "${graphs[@]}"
else
  echo "graphon is left out: there is no Python 3.12"
fi
target/release/ashlar bench workflows
target/release/ashlar bench fan-out --model assets/smollm2-135m-instruct
