#!/usr/bin/env python3
"""The serving mix through `transformers`, random weights, one GPU; a JSON line for each measurement.

usage: transformers_peer.py [--shape qwen3-vl-2b] [--requests 256] [--prompt-tokens 128] [--output-tokens 128]
text      continuous batching (`generate_batch`, attention `paged|sdpa`): all requests at once
picture   one 448x448 picture and the text in each prompt. Continuous batching takes token ids only (no pictures, no
          three-axis positions), so this is plain `generate` in batches of equal prompts, where nothing is padded.
          Pixels are ready on the GPU before the clock starts, which favours the peer.
Each number is the best of `--repeat` runs after a warm-up run of the same shapes.
"""
import argparse
import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "vllm"))

import torch
import transformers
from transformers import GenerationConfig, Qwen3Config, Qwen3ForCausalLM, Qwen3VLConfig, Qwen3VLForConditionalGeneration

from make_model import SHAPES, config

# cuDNN builds a plan for every new shape, and a serving mix has new shapes all the time.
torch.backends.cuda.enable_cudnn_sdp(False)

IMAGE, VISION_START, VISION_END = 151655, 151652, 151653
SIDE = 448
PATCHES = (SIDE // 16) ** 2
IMAGE_TOKENS = PATCHES // 4


def emit(**figures):
    print(json.dumps(figures), flush=True)


def build(cls, cfg):
    """The model on the GPU with random weights of the usual scale."""
    torch.set_default_dtype(torch.bfloat16)
    with torch.device("cuda"), transformers.initialization.no_init_weights():
        model = cls(cfg)
    torch.set_default_dtype(torch.float32)
    generator = torch.Generator("cuda").manual_seed(0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.fill_(1.0)
            else:
                p.normal_(0.0, 0.02, generator=generator)
    return model.eval()


def text_config(name):
    h, inter, layers, heads, kv, tied, _ = SHAPES[name]
    return Qwen3Config(
        vocab_size=151936, hidden_size=h, intermediate_size=inter, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=kv, head_dim=128, max_position_embeddings=32768, rope_parameters={"rope_type": "default", "rope_theta": 5e6},
        tie_word_embeddings=tied,
        attn_implementation="sdpa", dtype="bfloat16",
    )


def figures(a, what, seconds, n_in, **more):
    n_out = a.requests * a.output_tokens
    emit(what=what, shape=a.shape, requests=a.requests, tok_in=n_in, tok_out=n_out, wall_s=round(seconds, 3),
         req_s=round(a.requests / seconds, 2), out_tok_s=round(n_out / seconds, 1),
         total_tok_s=round((n_in + n_out) / seconds, 1), peak_gb=round(torch.cuda.max_memory_allocated() / 1e9, 2), **more)


def text(a):
    from transformers import ContinuousBatchingConfig

    model = build(Qwen3ForCausalLM, text_config(a.shape))
    model.set_attn_implementation("paged|sdpa")
    wanted = GenerationConfig(max_new_tokens=a.output_tokens, do_sample=False, eos_token_id=-1, pad_token_id=0)
    # Room for all requests at once and no more: the paged sdpa path builds a mask over the whole cache.
    blocks = a.requests * -(-(a.prompt_tokens + a.output_tokens) // 256) + 16
    batching = ContinuousBatchingConfig(**{"allow_block_sharing": False, "num_blocks": blocks, **a.batching})

    def run():
        prompts = torch.randint(300, 151600, (a.requests, a.prompt_tokens)).tolist()
        torch.cuda.synchronize()
        started = time.perf_counter()
        out = model.generate_batch(prompts, generation_config=wanted, continuous_batching_config=batching,
                                   persistent_manager=True, progress_bar=False)
        seconds = time.perf_counter() - started
        n_out = sum(len(o.generated_tokens) for o in out.values())
        if n_out != a.requests * a.output_tokens:
            emit(what="text", warning=f"{n_out} tokens came, {a.requests * a.output_tokens} were asked for",
                 errors=sorted({str(o.error) for o in out.values() if o.error})[:3])
        return seconds

    warm = run()
    emit(what="text warm-up", wall_s=round(warm, 2))
    best = min(run() for _ in range(a.repeat))
    figures(a, "text, continuous batching, paged|sdpa", best, a.requests * a.prompt_tokens)


def generate(a, what, model, batch, prompt_ids, pictures):
    """Plain `generate` over `requests` prompts in batches of `batch`."""
    wanted = GenerationConfig(max_new_tokens=a.output_tokens, min_new_tokens=a.output_tokens, do_sample=False, pad_token_id=0)
    model.generation_config.eos_token_id = None

    def run():
        ids = torch.stack([prompt_ids() for _ in range(a.requests)]).cuda()
        extra = {}
        if pictures:
            pixels = torch.randn(a.requests, PATCHES, 1536, device="cuda", dtype=torch.bfloat16)
        torch.cuda.synchronize()
        started = time.perf_counter()
        for i in range(0, a.requests, batch):
            part = ids[i:i + batch]
            if pictures:
                extra = {
                    "pixel_values": pixels[i:i + batch].reshape(-1, 1536),
                    "image_grid_thw": torch.tensor([[1, SIDE // 16, SIDE // 16]] * len(part), device="cuda"),
                    "mm_token_type_ids": (part == IMAGE).int(),
                }
            out = model.generate(input_ids=part, attention_mask=torch.ones_like(part), generation_config=wanted, **extra)
            assert out.shape[1] == part.shape[1] + a.output_tokens, out.shape
        torch.cuda.synchronize()
        return time.perf_counter() - started, ids.numel()

    run()
    seconds, n_in = min(run() for _ in range(a.repeat))
    figures(a, what, seconds, n_in, batch=batch)


def picture(a):
    cfg = Qwen3VLConfig(**{k: v for k, v in config(a.shape).items() if k != "architectures"})
    cfg._attn_implementation = "sdpa"
    model = build(Qwen3VLForConditionalGeneration, cfg)
    start, end = torch.tensor([VISION_START]), torch.tensor([VISION_END])
    pads = torch.full((IMAGE_TOKENS,), IMAGE)
    with torch.no_grad():
        for batch in a.batches:
            try:
                generate(a, "picture, generate", model, batch,
                         lambda: torch.cat([start, pads, end, torch.randint(300, 151600, (a.prompt_tokens,))]), True)
                generate(a, "text, generate", model, batch, lambda: torch.randint(300, 151600, (a.prompt_tokens,)), False)
            except torch.OutOfMemoryError as error:
                emit(what="picture, generate", batch=batch, error=str(error)[:200])
                torch.cuda.empty_cache()


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--shape", default="qwen3-vl-2b", choices=sorted(SHAPES))
    ap.add_argument("--which", default="text,picture")
    ap.add_argument("--requests", type=int, default=256)
    ap.add_argument("--prompt-tokens", type=int, default=128)
    ap.add_argument("--output-tokens", type=int, default=128)
    ap.add_argument("--repeat", type=int, default=2)
    ap.add_argument("--batches", type=lambda s: [int(n) for n in s.split(",")], default=[256],
                    help="batch sizes of plain generate")
    ap.add_argument("--batching", type=json.loads, default={}, help="more fields of ContinuousBatchingConfig, as JSON")
    a = ap.parse_args()
    emit(what="peer", transformers=transformers.__version__, torch=torch.__version__, gpu=torch.cuda.get_device_name())
    which = a.which.split(",")
    if "picture" in which:
        picture(a)
        torch.cuda.empty_cache()
    if "text" in which:
        text(a)
    sys.stdout.flush()
    # A persistent batching thread may outlive its last request.
    os._exit(0)


main()
