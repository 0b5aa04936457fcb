#!/usr/bin/env bash
# Runs the PyPI dify-client against a live server. Needs BASE_URL, CHAT_KEY, PICTURE; see dify.py.
set -euo pipefail
cd "$(dirname "$0")"
[ -x .venv/bin/python ] || python3 -m venv .venv
.venv/bin/python -c 'import dify_client' 2>/dev/null || .venv/bin/pip install --quiet --disable-pip-version-check dify-client==0.1.10
.venv/bin/python dify.py
