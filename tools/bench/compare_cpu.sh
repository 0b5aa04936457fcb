#!/usr/bin/env bash
# Ashlar against llama.cpp on the CPU: the same GGUF file, the same threads, one after the other; Markdown with ratios.
#
#   tools/bench/compare_cpu.sh [MODEL_DIR] [THREADS]
#
# MODEL_DIR holds model.gguf (default assets/smollm2-135m-instruct). Needs target/release/ashlar (or ASHLAR) and node;
# installs node-llama-cpp, whose package carries llama.cpp's binaries, into tools/bench/node_modules. RUN prefixes every
# measured command, e.g. RUN="nice -n -20" on a machine that others use.
set -euo pipefail
cd "$(dirname "$0")/../.."
model="${1:-assets/smollm2-135m-instruct}"
threads="${2:-2}"
ashlar="${ASHLAR:-target/release/ashlar}"
prompt=512 decode=128 repeat=3
read -ra run <<<"${RUN:-}"

[ -f "$model/model.gguf" ] || { echo "$model/model.gguf is missing: tools/fetch-assets.sh assets smollm2" >&2; exit 1; }
[ -x "$ashlar" ] || { echo "$ashlar is missing: cargo build --release" >&2; exit 1; }
peer=tools/bench/node_modules
if [ ! -d "$peer/node-llama-cpp" ]; then
  npm install --prefix tools/bench --no-save --no-package-lock --ignore-scripts --no-audit --no-fund node-llama-cpp@3.22.1 >&2
fi

results="$(mktemp)"
trap 'rm -f "$results"' EXIT
for concurrency in 1 8; do
  for tokens in 1 "$decode"; do
    for _ in $(seq "$repeat"); do
      "${run[@]}" "$ashlar" bench engine --json --model "$model" --threads "$threads" --prompt-tokens "$prompt" \
        --output-tokens "$tokens" --requests "$concurrency" --concurrency "$concurrency" |
        node -e 'process.stdout.write(JSON.stringify(JSON.parse(require("fs").readFileSync(0, "utf8"))) + "\n")' >>"$results"
    done
  done
done
"${run[@]}" node tools/bench/llama_cpp.mjs "$model/model.gguf" --threads "$threads" --prompt "$prompt" --decode "$decode" \
  --repeat "$repeat" >>"$results"

node - "$results" <<'J'
const lines = require("fs").readFileSync(process.argv[2], "utf8").trim().split("\n").map(JSON.parse);
const best = (of, key) => Math.max(...of.map((line) => line[key]));
console.log("| at once | | Ashlar tok/s | llama.cpp tok/s | ratio |\n| --- | --- | --- | --- | --- |");
for (const concurrency of [1, 8]) {
  const peer = lines.find((line) => line.engine === "llama.cpp" && line.concurrency === concurrency);
  const own = lines.filter((line) => line.settings?.concurrency === concurrency);
  const long = own.filter((line) => line.settings.output_tokens > 1);
  const row = (name, ours, theirs) =>
    console.log(`| ${concurrency} | ${name} | ${ours.toFixed(0)} | ${theirs.toFixed(0)} | ${(ours / theirs).toFixed(2)} |`);
  row("prompt", best(own.filter((line) => line.settings.output_tokens === 1), "prompt_tokens_per_s"), peer.prompt_tokens_per_s);
  row("decode", best(long, "decode_tokens_per_s"), peer.decode_tokens_per_s);
  row("output, prompt included", best(long, "output_tokens_per_s"), peer.output_tokens_per_s);
}
J
