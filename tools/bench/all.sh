#!/usr/bin/env bash
# Every measurement of docs/benchmarks.md, as Markdown, one after the other. Needs a quiet machine and a release build.
set -euo pipefail
cd "$(dirname "$0")/../.."
printf '## Start and memory\n\n'
tools/bench/start.sh
printf '\n## HTTP layer\n\n'
target/release/ashlar bench http
printf '\n## Workflows\n\n'
tools/bench/compare_workflows.sh
printf '\n## Code sandbox\n\n'
target/release/ashlar bench sandbox
printf '\n## Packed against padded\n\n'
target/release/ashlar bench packing --model assets/smollm2-135m-instruct
printf '\n## SmolLM2-135M against llama.cpp\n\n'
tools/bench/compare_cpu.sh
printf '\n## CPU kernels\n\n'
cargo bench --quiet --package ashlar-kernels
