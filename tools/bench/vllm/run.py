#!/usr/bin/env python3
"""vLLM peer numbers for a Qwen3-VL shape with random weights; JSON lines on stdout, logs on stderr.

usage: run.py --model DIR [--which a,b,c,d,e] [--async-engine] [--eager] [-O 0..3] ...
a  decode, batch 1: 128 in / 256 out          b  decode, batch 64 and 256: 128 in / 256 out
c  256 requests at once, 128 in / 128 out     d  256 requests, one 448x448 picture + 128 text in / 128 out
e  prefill only: 8192-token prompts, 1 out
Prefix caching off, greedy, ignore_eos, all prompts and pictures distinct. Every number is taken after a warm-up
of the same kind. In a and b a second run with 1 output token is subtracted to get the decode time alone.
"""
import argparse
import asyncio
import json
import os
import sys
import time

T0 = time.perf_counter()
for _k, _v in {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1",
    "VLLM_DO_NOT_TRACK": "1", "VLLM_WORKER_MULTIPROC_METHOD": "spawn", "TOKENIZERS_PARALLELISM": "false",
    "VLLM_CACHE_ROOT": "/tmp/vllm-cache", "VLLM_USE_FLASHINFER_SAMPLER": "0", "VLLM_LOGGING_LEVEL": "INFO",
    "VLLM_CONFIGURE_LOGGING": "1", "VLLM_LOGGING_STREAM": "ext://sys.stderr",
}.items():
    os.environ.setdefault(_k, _v)


def emit(**kw):
    kw["t"] = round(time.perf_counter() - T0, 1)
    print(json.dumps(kw), flush=True)


def median(xs):
    xs = sorted(xs)
    return xs[len(xs) // 2]


class Offline:
    """LLM.generate: the offline class, one call for the whole set."""

    def __init__(self, kw):
        from vllm import LLM

        self.llm = LLM(**kw)

    def run(self, prompts, n_out, detok):
        from vllm import SamplingParams

        sp = SamplingParams(temperature=0.0, max_tokens=n_out, ignore_eos=True, detokenize=detok)
        t = time.perf_counter()
        outs = self.llm.generate(prompts, sp, use_tqdm=False)
        dt = time.perf_counter() - t
        n_in = sum(len(o.prompt_token_ids) for o in outs)
        n = sum(len(o.outputs[0].token_ids) for o in outs)
        assert n == n_out * len(prompts), (n, n_out, len(prompts))
        return {"s": dt, "in": n_in, "out": n}

    def close(self):
        pass


class Served:
    """AsyncLLM: what `vllm serve` runs behind its HTTP front end; all requests enter at once."""

    def __init__(self, kw):
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.id = 0

        from vllm.usage.usage_lib import UsageContext

        async def make():  # the server's context: its own default of max_num_batched_tokens
            return AsyncLLM.from_engine_args(AsyncEngineArgs(**kw), usage_context=UsageContext.OPENAI_API_SERVER)

        self.eng = self.loop.run_until_complete(make())

    def run(self, prompts, n_out, detok):
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        first, n_in, n = [], [0], [0]
        t0 = time.perf_counter()

        async def one(p, rid):
            sp = SamplingParams(temperature=0.0, max_tokens=n_out, ignore_eos=True, detokenize=detok,
                                output_kind=RequestOutputKind.DELTA)
            seen = False
            p = (await self.eng.renderer.render_cmpl_async([p]))[0]  # as the HTTP server does
            async for o in self.eng.generate(p, sp, request_id=rid):
                if not seen and o.outputs[0].token_ids:
                    seen = True
                    first.append(time.perf_counter() - t0)
                    n_in[0] += len(o.prompt_token_ids)
                n[0] += len(o.outputs[0].token_ids)

        async def all_():
            ids = range(self.id, self.id + len(prompts))
            self.id += len(prompts)
            await asyncio.gather(*(one(p, str(i)) for p, i in zip(prompts, ids)))

        self.loop.run_until_complete(all_())
        dt = time.perf_counter() - t0
        assert n[0] == n_out * len(prompts), (n[0], n_out, len(prompts))
        first.sort()
        return {"s": dt, "in": n_in[0], "out": n[0], "ttft_p50": first[len(first) // 2],
                "ttft_max": first[-1]}

    def close(self):
        self.eng.shutdown()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--model", required=True)
    ap.add_argument("--which", default="a,b,c,d,e")
    ap.add_argument("--async-engine", action="store_true", help="AsyncLLM (the server's engine) in place of LLM")
    ap.add_argument("--eager", action="store_true", help="no torch.compile, no CUDA graphs")
    ap.add_argument("-O", type=int, default=None, help="vLLM optimisation level 0..3 (vLLM's default 2)")
    ap.add_argument("--max-model-len", type=int, default=8448)
    ap.add_argument("--max-num-seqs", type=int, default=256)
    ap.add_argument("--max-batched-tokens", type=int, default=None, help="default: vLLM's own for the card")
    ap.add_argument("--gpu-mem", type=float, default=0.85)
    ap.add_argument("--capture", default="1,2,4,8,16,24,32,48,64,80,96,112,128,160,192,224,256,320,384,448,512")
    ap.add_argument("--mm-cache-gb", type=float, default=None)
    ap.add_argument("--renderers", type=int, default=1, help="picture workers of --async-engine (>1: no mm cache)")
    ap.add_argument("--text-only", action="store_true", help="no picture tower at all (skips d)")
    ap.add_argument("--attn", default=None, help="e.g. FLASH_ATTN, TRITON_ATTN")
    ap.add_argument("--vit-attn", default=None, help="e.g. FLASH_ATTN, TRITON_ATTN, TORCH_SDPA")
    ap.add_argument("--no-detok", action="store_true")
    ap.add_argument("--n", type=int, default=256, help="requests in c and d")
    ap.add_argument("--n-prefill", type=int, default=16, help="prompts in e")
    ap.add_argument("--out-b", type=int, default=256)
    ap.add_argument("--repeat", type=int, default=2)
    ap.add_argument("--deadline", type=float, default=480, help="start no further part after this many seconds")
    ap.add_argument("--dry", action="store_true", help="build inputs and the engine arguments only")
    a = ap.parse_args()
    which = a.which.split(",")
    if a.text_only and "d" in which:
        which.remove("d")

    kw = dict(
        model=a.model, load_format="dummy", dtype="bfloat16", max_model_len=a.max_model_len,
        max_num_seqs=a.max_num_seqs, gpu_memory_utilization=a.gpu_mem, enable_prefix_caching=False,
        disable_log_stats=True, seed=0, enforce_eager=a.eager, generation_config="vllm",
        limit_mm_per_prompt={"image": 0, "video": 0} if a.text_only
        else {"image": {"count": 1, "width": 1024, "height": 1024}, "video": 0},
    )
    if a.max_batched_tokens:
        kw["max_num_batched_tokens"] = a.max_batched_tokens
    if a.O is not None:
        kw["optimization_level"] = a.O
    if not a.eager and a.capture != "default":
        sizes = [int(x) for x in a.capture.split(",")]
        sizes = [s for s in sizes if s <= 2 * a.max_num_seqs]
        kw["compilation_config"] = {"cudagraph_capture_sizes": sizes}
    if a.renderers > 1:
        kw["renderer_num_workers"] = a.renderers
        a.mm_cache_gb = 0.0
    if a.mm_cache_gb is not None:
        kw["mm_processor_cache_gb"] = a.mm_cache_gb
    if a.attn:
        kw["attention_config"] = {"backend": a.attn}
    if a.vit_attn:
        kw["mm_encoder_attn_backend"] = a.vit_attn

    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(int.from_bytes(os.urandom(4), "little"))

    def text(n):
        return {"prompt_token_ids": rng.integers(300, 151600, n).tolist()}

    def picture(n):
        ids = rng.integers(300, 151600, n).tolist()
        img = Image.fromarray(rng.integers(0, 256, (448, 448, 3), dtype=np.uint8))
        return {"prompt_token_ids": [151652, 151655, 151653] + ids, "multi_modal_data": {"image": img}}

    if a.dry:
        emit(what="dry", kw={k: v for k, v in kw.items()}, p=len(picture(128)["prompt_token_ids"]))
        return

    t = time.perf_counter()
    import torch
    import vllm
    from vllm.platforms import current_platform

    emit(what="import", s=round(time.perf_counter() - t, 1), vllm=vllm.__version__, torch=torch.__version__,
         gpu=current_platform.get_device_name())
    t = time.perf_counter()
    eng = (Served if a.async_engine else Offline)(kw)
    emit(what="init", s=round(time.perf_counter() - t, 1), model=os.path.basename(a.model.rstrip("/")),
         engine="async" if a.async_engine else "offline", eager=a.eager, O=a.O)
    detok = not a.no_detok

    def best(make, n_out, reps=a.repeat):
        rs = [eng.run(make(), n_out, detok) for _ in range(reps)]
        return min(rs, key=lambda r: r["s"])

    def extra(r):
        return {k: round(v, 4) for k, v in r.items() if k.startswith("ttft")}

    def part(name):
        if name not in which:
            return False
        if time.perf_counter() - T0 > a.deadline:
            emit(what=name, skipped="deadline")
            return False
        return True

    eng.run([text(128) for _ in range(8)], 16, detok)

    if part("a"):
        eng.run([text(128)], 32, detok)
        one = median([eng.run([text(128)], 1, detok)["s"] for _ in range(5)])
        r = best(lambda: [text(128)], 256)
        emit(what="a", batch=1, tok_in=128, tok_out=256, ttft_ms=round(one * 1e3, 2),
             tpot_ms=round((r["s"] - one) / 255 * 1e3, 3), decode_tok_s=round(255 / (r["s"] - one), 1),
             wall_s=round(r["s"], 3))
    if part("b"):
        for b in (64, 256):
            if b > a.max_num_seqs:
                continue
            eng.run([text(128) for _ in range(b)], 8, detok)
            one = best(lambda: [text(128) for _ in range(b)], 1)
            r = best(lambda: [text(128) for _ in range(b)], a.out_b)
            d = r["s"] - one["s"]
            emit(what="b", batch=b, tok_in=128, tok_out=a.out_b, prefill_s=round(one["s"], 4), wall_s=round(r["s"], 3),
                 decode_tok_s=round(b * (a.out_b - 1) / d, 1), step_ms=round(d / (a.out_b - 1) * 1e3, 3),
                 out_tok_s=round(r["out"] / r["s"], 1))
    if part("c"):
        eng.run([text(128) for _ in range(64)], 8, detok)
        r = best(lambda: [text(128) for _ in range(a.n)], 128)
        emit(what="c", requests=a.n, tok_in=r["in"], tok_out=r["out"], wall_s=round(r["s"], 3),
             req_s=round(a.n / r["s"], 2), out_tok_s=round(r["out"] / r["s"], 1),
             total_tok_s=round((r["in"] + r["out"]) / r["s"], 1), **extra(r))
    if part("d"):
        eng.run([picture(128) for _ in range(32)], 8, detok)
        one = median([eng.run([picture(128)], 1, detok)["s"] for _ in range(5)])
        emit(what="d1", requests=1, tok_in=131 - 1 + 196, tok_out=1, ttft_ms=round(one * 1e3, 2))
        pre = best(lambda: [picture(128) for _ in range(a.n)], 1, 1)
        emit(what="d_prefill", requests=a.n, tok_in=pre["in"], tok_out=pre["out"], wall_s=round(pre["s"], 3),
             req_s=round(a.n / pre["s"], 2), **extra(pre))
        r = best(lambda: [picture(128) for _ in range(a.n)], 128)
        emit(what="d", requests=a.n, tok_in=r["in"], tok_out=r["out"], wall_s=round(r["s"], 3),
             req_s=round(a.n / r["s"], 2), out_tok_s=round(r["out"] / r["s"], 1),
             total_tok_s=round((r["in"] + r["out"]) / r["s"], 1), **extra(r))
    if part("e"):
        eng.run([text(8192) for _ in range(2)], 1, detok)
        r1 = best(lambda: [text(8192)], 1)
        r = best(lambda: [text(8192) for _ in range(a.n_prefill)], 1)
        emit(what="e", requests=a.n_prefill, tok_in=r["in"], wall_s=round(r["s"], 3),
             prefill_tok_s=round(r["in"] / r["s"], 1), one_prompt_ms=round(r1["s"] * 1e3, 2),
             one_prompt_tok_s=round(8192 / r1["s"], 1), **extra(r))
    emit(what="end", wall_s=round(time.perf_counter() - T0, 1))
    sys.stdout.flush()
    eng.close()


if __name__ == "__main__":
    main()
