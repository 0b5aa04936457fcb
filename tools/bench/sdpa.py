#!/usr/bin/env python3
"""PyTorch's attention on the shapes of crates/cuda/benches/kernels.rs: TFLOP/s of each backend, a Markdown row a shape.

Equal lengths, so that the peer gets a dense batch; FLOPs count the useful head size and half of a causal square.
"""
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

SHAPES = [
    (32, 8, 128, 128, True, 1, 8192), (32, 8, 128, 128, True, 4, 2048), (32, 8, 128, 128, True, 8, 1024),
    (16, 16, 64, 64, False, 8, 1024), (16, 16, 64, 64, False, 1, 16384), (16, 16, 64, 64, False, 20, 784),
    (16, 16, 72, 72, False, 8, 1024), (16, 16, 72, 72, False, 1, 16384), (16, 16, 72, 72, False, 20, 784),
    (16, 16, 192, 128, True, 1, 8192),
]


def seconds(run, n=30):
    for _ in range(5):
        run()
    started, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    started.record()
    for _ in range(n):
        run()
    ended.record()
    torch.cuda.synchronize()
    return started.elapsed_time(ended) / n / 1e3


def main():
    print("| attention | cuDNN TFLOP/s | FlashAttention 2 TFLOP/s |\n| --- | --- | --- |")
    for heads, kv_heads, dim, value_dim, causal, n, length in SHAPES:
        make = lambda h, d: torch.randn(n, h, length, d, device="cuda", dtype=torch.bfloat16)
        q, k, v = make(heads, dim), make(kv_heads, dim), make(kv_heads, value_dim)
        flops = 2 * n * length**2 * (dim + value_dim) * heads / (2 if causal else 1)
        cells = []
        for backend in (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION):
            try:
                with sdpa_kernel(backend):
                    t = seconds(lambda: sdpa(q, k, v, is_causal=causal, enable_gqa=heads != kv_heads))
                cells.append(f"{flops / t / 1e12:.0f}")
            except RuntimeError:
                cells.append("–")
        mask = "causal" if causal else "full"
        print(f"| {dim}/{value_dim} {mask}, {heads}/{kv_heads} heads, {n} × {length} | {cells[0]} | {cells[1]} |", flush=True)


main()
