"""PyTorch beside `ashlar bench pictures --shape chameleon-7b --tokenizer-only`: the same picture tokenizer with random weights.

    venv/bin/python tools/bench/vq_peer.py [--threads N] [--runs N]

The better of PyTorch's two memory formats counts.
"""
import argparse
import sys
import time
from pathlib import Path

import torch
from transformers.models.chameleon.configuration_chameleon import ChameleonVQVAEConfig
from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAE

sys.path.insert(0, str(Path(__file__).parent.parent / "goldens"))
from chameleon import Decoder  # noqa: E402


def best(runs, f):
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return min(times) * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = ChameleonVQVAEConfig(attn_type="vanilla")
    encoder, decoder = ChameleonVQVAE(config).eval(), Decoder(config).eval()
    post_quant_conv = torch.nn.Conv2d(config.embed_dim, config.latent_channels, 1)
    for memory_format in [torch.contiguous_format, torch.channels_last]:
        for module in [encoder, decoder, post_quant_conv]:
            module.to(memory_format=memory_format)
        pixels = torch.rand(1, 3, 512, 512).mul(2).sub(1).to(memory_format=memory_format)
        latents = torch.rand(1, config.embed_dim, 32, 32).to(memory_format=memory_format)
        with torch.inference_mode():
            encode = best(args.runs, lambda: encoder.encode(pixels))
            decode = best(args.runs, lambda: decoder(post_quant_conv(latents)))
        print(f"{memory_format}, {args.threads} threads: to codes {encode:.0f} ms, to pixels {decode:.0f} ms", flush=True)


if __name__ == "__main__":
    main()
