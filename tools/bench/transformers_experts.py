#!/usr/bin/env python3
"""Decode and prefill of a mixture of experts through `transformers`, random weights, one GPU; a JSON line for each measurement.

usage: transformers_experts.py [--shape kimi-vl-a3b|qwen3-30b-a3b] [--batch 1,8,64] [--context 1024] [--prefill 1x8192,8x1024] [--experts grouped_mm,batched_mm,eager]
The text decoder alone, as `ashlar bench decode|prefill --shape …` measures it. Each form of the experts that the library has
(`grouped_mm`, `batched_mm`, `eager`, or those that `--experts` names) is tried, the fastest counts. A decode step is one `forward` of one token a sequence over
a cache that holds the context, the mean of `--steps` after a warm-up; a prompt step one `forward` without a cache.
"""
import argparse
import json
import os
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import transformers
from transformers import DeepseekV3Config, DeepseekV3ForCausalLM, DynamicCache, Qwen3MoeConfig, Qwen3MoeForCausalLM

FORMS = ("grouped_mm", "batched_mm", "eager")
TINY = dict(hidden_size=64, intermediate_size=64, moe_intermediate_size=32, num_hidden_layers=2, vocab_size=256)


def emit(**figures):
    print(json.dumps(figures), flush=True)


def kimi(**more):
    """The text half of Kimi-VL-A3B (Moonlight)."""
    return DeepseekV3ForCausalLM, DeepseekV3Config(**{**dict(
        vocab_size=163840, hidden_size=2048, intermediate_size=11264, moe_intermediate_size=1408, num_hidden_layers=27,
        num_attention_heads=16, num_key_value_heads=16, n_shared_experts=2, n_routed_experts=64, num_experts_per_tok=6,
        first_k_dense_replace=1, q_lora_rank=None, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64, v_head_dim=128,
        n_group=1, topk_group=1, norm_topk_prob=True, routed_scaling_factor=2.446, max_position_embeddings=131072,
        attn_implementation="sdpa", dtype="bfloat16"), **more})


def qwen(**more):
    return Qwen3MoeForCausalLM, Qwen3MoeConfig(**{**dict(
        vocab_size=151936, hidden_size=2048, intermediate_size=6144, moe_intermediate_size=768, num_hidden_layers=48,
        num_attention_heads=32, num_key_value_heads=4, head_dim=128, num_experts=128, num_experts_per_tok=8, norm_topk_prob=True,
        decoder_sparse_step=1, max_position_embeddings=40960, attn_implementation="sdpa", dtype="bfloat16"), **more})


SHAPES = {"kimi-vl-a3b": kimi, "qwen3-30b-a3b": qwen}


def build(cls, config, device):
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(device), transformers.initialization.no_init_weights():
        model = cls(config)
    torch.set_default_dtype(torch.float32)
    generator = torch.Generator(device).manual_seed(0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                p.fill_(1.0)
            else:
                p.normal_(0.0, 0.02, generator=generator)
        for _, b in model.named_buffers():
            if b.is_floating_point() and b.dtype == torch.bfloat16:
                b.zero_()
    return model.eval()


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


@torch.inference_mode()
def decode(model, a, batch):
    n = model.config.vocab_size
    cache = DynamicCache(config=model.config)
    # the context in pieces, so that its logits need no room
    for start in range(0, a.context, 256):
        ids = torch.randint(0, n, (batch, min(256, a.context - start)), device=a.device)
        model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
    token = torch.randint(0, n, (batch, 1), device=a.device)

    def steps(count):
        nonlocal token
        for _ in range(count):
            token = model(input_ids=token, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)

    steps(4)
    wait(a.device)
    started = time.perf_counter()
    steps(a.steps)
    wait(a.device)
    return (time.perf_counter() - started) / a.steps


@torch.inference_mode()
def prefill(model, a, batch, length):
    ids = torch.randint(0, model.config.vocab_size, (batch, length), device=a.device)
    seconds = []
    for _ in range(3):
        wait(a.device)
        started = time.perf_counter()
        model(input_ids=ids, use_cache=False, logits_to_keep=1)
        wait(a.device)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def fastest(model, forms, measure):
    """Seconds and the form of the experts that took them; forms that fail are named."""
    taken, failed = [], {}
    for form in forms:
        try:
            model.set_experts_implementation(form)
            taken.append((measure(), form))
        except Exception as error:  # one form lacks a kernel for a shape or runs out of memory: the others still count
            failed[form] = str(error)[:120]
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return (*min(taken), failed) if taken else (None, None, failed)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--shape", default="kimi-vl-a3b", choices=sorted(SHAPES))
    ap.add_argument("--batch", type=lambda s: [int(n) for n in s.split(",")], default=[1, 8, 64])
    ap.add_argument("--context", type=int, default=1024)
    ap.add_argument("--steps", type=int, default=16)
    ap.add_argument("--prefill", type=lambda s: [tuple(map(int, p.split("x"))) for p in s.split(",")], default=[(1, 8192), (8, 1024)])
    ap.add_argument("--experts", type=lambda s: s.split(","), default=FORMS)
    ap.add_argument("--device", default="cuda")
    ap.add_argument("--tiny", action="store_true", help="a model of toy size, to try the script")
    a = ap.parse_args()
    cls, config = SHAPES[a.shape](**(TINY if a.tiny else {}))
    gpu = torch.cuda.get_device_name() if a.device == "cuda" else "cpu"
    emit(what="peer", shape=a.shape, transformers=transformers.__version__, torch=torch.__version__, gpu=gpu)
    model = build(cls, config, a.device)
    for batch, length in a.prefill:
        seconds, form, failed = fastest(model, a.experts, lambda: prefill(model, a, batch, length))
        emit(what="prefill", prompts=batch, tokens=length, ms=seconds and round(seconds * 1e3, 2), experts=form, failed=failed)
    for batch in a.batch:
        seconds, form, failed = fastest(model, a.experts, lambda: decode(model, a, batch))
        emit(what="decode", batch=batch, context=a.context, ms=seconds and round(seconds * 1e3, 3), experts=form, failed=failed)


main()
