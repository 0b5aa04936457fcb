#!/usr/bin/env bash
# On the GPU machine, to be sourced:  . install.sh [PARTS_DIR]
# Unpacks the parts found in PARTS_DIR (default: beside this file) plus those stashed earlier in /tmp/vllm-parts into
# ${VLLM_SITE:-/tmp/site} and sets PYTHONPATH. Parts that do not fit in one call: call with STASH=1 first (copies only).
_parts=${1:-$(dirname "${BASH_SOURCE[0]}")}
export VLLM_SITE=${VLLM_SITE:-/tmp/site}
mkdir -p /tmp/vllm-parts "$VLLM_SITE"
cp -n "$_parts"/part-* "$_parts"/sha256 /tmp/vllm-parts/ 2>/dev/null
if [ -n "${STASH:-}" ]; then
  ls -l /tmp/vllm-parts
elif [ ! -e "$VLLM_SITE/vllm/__init__.py" ]; then
  (cd /tmp/vllm-parts && sha256sum -c --quiet sha256) &&
    cat /tmp/vllm-parts/part-* | xz -dc -T0 | tar -x -C "$VLLM_SITE" || { echo "vLLM bundle: unpacking FAILED" >&2; false; }
fi
export PYTHONPATH="$VLLM_SITE${PYTHONPATH:+:$PYTHONPATH}"
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1 VLLM_CACHE_ROOT=/tmp/vllm-cache
