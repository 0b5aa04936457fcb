// llama.cpp's speed on a GGUF file, through node-llama-cpp's prebuilt binary: one JSON line for each concurrency.
//
//   node tools/bench/llama_cpp.mjs MODEL.gguf [--threads 2] [--prompt 512] [--decode 128] [--concurrency 1,8] [--repeat 3]
//
// Prompt speed: all prompts evaluated, nothing generated. Decode speed: that many greedy tokens for each sequence after
// its prompt; output speed counts the prompt's time too. The best of the repetitions counts. node-llama-cpp is looked for in NODE_MODULES (default
// tools/bench/node_modules, where compare_cpu.sh installs it).
import path from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string", default: "2" },
    prompt: { type: "string", default: "512" },
    decode: { type: "string", default: "128" },
    concurrency: { type: "string", default: "1,8" },
    repeat: { type: "string", default: "3" },
  },
});
const [modelPath] = positionals;
if (!modelPath) {
  console.error("usage: llama_cpp.mjs MODEL.gguf [--threads N] [--prompt N] [--decode N] [--concurrency 1,8] [--repeat N]");
  process.exit(2);
}
const number = (name) => Number.parseInt(values[name], 10);
const nodeModules = process.env.NODE_MODULES ?? path.join(import.meta.dirname, "node_modules");
const { getLlama } = await import(pathToFileURL(path.resolve(nodeModules, "node-llama-cpp/dist/index.js")));

const threads = number("threads");
const llama = await getLlama({ gpu: false, build: "never", maxThreads: threads, progressLogs: false });
const model = await llama.loadModel({ modelPath: path.resolve(modelPath) });

// Any text: the work is the same for every token. Prompts differ from their first token on, so that none is a prefix.
const text = "The quick brown fox jumps over the lazy dog while seven wizards mix grey ink at noon. ";
const filler = model.tokenize(text.repeat(Math.ceil(number("prompt") / 16) + 1));
const prompt = (seed) => [filler[seed % 16], ...filler.slice(seed, seed + number("prompt") - 1)];

async function measure(concurrency) {
  const contextSize = number("prompt") + number("decode") + 8;
  const context = await model.createContext({ contextSize, sequences: concurrency, threads, batchSize: 512 });
  const sequences = Array.from({ length: concurrency }, () => context.getSequence());
  let best = { prompt: 0, decode: 0, output: 0 };
  for (let run = 0; run < number("repeat"); run++) {
    await Promise.all(sequences.map((sequence) => sequence.clearHistory()));

    let start = performance.now();
    await Promise.all(sequences.map((sequence, i) => sequence.evaluateWithoutGeneratingNewTokens(prompt(run * concurrency + i))));
    const promptSeconds = (performance.now() - start) / 1000;

    start = performance.now();
    await Promise.all(
      sequences.map(async (sequence) => {
        let left = number("decode");
        for await (const _ of sequence.evaluate([filler[1]], { temperature: 0, yieldEogToken: true })) {
          if (--left === 0) break;
        }
      }),
    );
    const decodeSeconds = (performance.now() - start) / 1000;
    best = {
      prompt: Math.max(best.prompt, (concurrency * number("prompt")) / promptSeconds),
      decode: Math.max(best.decode, (concurrency * number("decode")) / decodeSeconds),
      output: Math.max(best.output, (concurrency * number("decode")) / (promptSeconds + decodeSeconds)),
    };
  }
  await context.dispose();
  return best;
}

for (const concurrency of values.concurrency.split(",").map(Number)) {
  const best = await measure(concurrency);
  console.log(
    JSON.stringify({
      engine: "llama.cpp",
      concurrency,
      threads,
      prompt_tokens: number("prompt"),
      decode_tokens: number("decode"),
      prompt_tokens_per_s: Math.round(best.prompt * 10) / 10,
      decode_tokens_per_s: Math.round(best.decode * 10) / 10,
      output_tokens_per_s: Math.round(best.output * 10) / 10,
    }),
  );
}
process.exit(0);
