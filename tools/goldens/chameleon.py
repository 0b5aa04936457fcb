"""Make tests/goldens/chameleon*: tiny random Chameleons, a tokenizer of theirs, and what the reference computes.

    venv/bin/python tools/goldens/chameleon.py

The decoder and the picture tokenizer's encoder are checked against transformers. Its decoder is not in transformers: the
reference is written out here, the encoder's mirror, after the description of facebookresearch/chameleon's VQGAN.
"""
import json

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import ChameleonConfig, ChameleonForConditionalGeneration
from transformers.models.chameleon.image_processing_pil_chameleon import ChameleonImageProcessorPil

from make import expect, picture, png, randomise, save

SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]
N_CODES = 64


def vocabulary():
    """Names to ids: codes lie in a shuffled order, so that no offset can stand in for the map."""
    letters = str.maketrans("0123456789", "ABCDEFGHIJ")
    codes = [f"IMGIMG{str(code).translate(letters)}Z" for code in range(N_CODES)]
    order = torch.randperm(N_CODES, generator=torch.Generator().manual_seed(20)).tolist()
    names = SPECIAL + [codes[i] for i in order] + ["<eoss>", "<racm3:break>", "<image>", "<reserved08706>", "<reserved08708>"]
    # GPU kernels of few rows take whole vectors of logits.
    names += [f"<reserved0{n}>" for n in range(8709, 8716)]
    printable = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    stand_ins = iter(range(256, 512))
    names += [chr(b) if b in printable else chr(next(stand_ins)) for b in range(256)]
    return {name: i for i, name in enumerate(names)}


def tokenizer(folder, names):
    """A token for each byte."""
    marks = [n for n in names if n.startswith("<") and n.endswith(">") and len(n) > 2]
    added = [dict(id=names[n], content=n, single_word=False, lstrip=False, rstrip=False, normalized=False, special=True) for n in marks]
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=False)
    (folder / "tokenizer.json").write_text(json.dumps(dict(
        version="1.0", truncation=None, padding=None, added_tokens=added, normalizer=None, pre_tokenizer=level, post_processor=None,
        decoder=level, model=dict(type="BPE", vocab=names, merges=[]))) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(bos_token="<s>", eos_token="</s>", pad_token="<pad>")) + "\n")


class Residual(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, n_in, 1e-6), nn.GroupNorm(32, n_out, 1e-6)
        self.conv1, self.conv2 = nn.Conv2d(n_in, n_out, 3, 1, 1), nn.Conv2d(n_out, n_out, 3, 1, 1)
        if n_in != n_out:
            self.nin_shortcut = nn.Conv2d(n_in, n_out, 1)

    def forward(self, x):
        y = self.conv1(nn.functional.silu(self.norm1(x)))
        y = self.conv2(nn.functional.silu(self.norm2(y)))
        return y + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.norm = nn.GroupNorm(32, n, 1e-6)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(n, n, 1) for _ in range(4))

    def forward(self, x):
        h = self.norm(x)
        q, k, v = (f(h).flatten(2).transpose(1, 2) for f in (self.q, self.k, self.v))
        y = nn.functional.scaled_dot_product_attention(q, k, v)
        return x + self.proj_out(y.transpose(1, 2).reshape(x.shape))


class Decoder(nn.Module):
    def __init__(self, vq):
        super().__init__()
        widths = [vq.base_channels * m for m in vq.channel_multiplier]
        n = widths[-1]
        self.conv_in = nn.Conv2d(vq.latent_channels, n, 3, 1, 1)
        self.mid = nn.ModuleDict(dict(block_1=Residual(n, n), attn_1=Attention(n), block_2=Residual(n, n)))
        levels = {}
        for i in reversed(range(len(widths))):
            level = nn.Module()
            level.block, level.attn = nn.ModuleList(), nn.ModuleList()
            for _ in range(vq.num_res_blocks + 1):
                level.block.append(Residual(n, widths[i]))
                n = widths[i]
                if vq.resolution >> i in (vq.attn_resolutions or []):
                    level.attn.append(Attention(n))
            if i > 0:
                level.upsample = nn.ModuleDict(dict(conv=nn.Conv2d(n, n, 3, 1, 1)))
            levels[i] = level
        self.up = nn.ModuleList([levels[i] for i in range(len(widths))])
        self.norm_out, self.conv_out = nn.GroupNorm(32, n, 1e-6), nn.Conv2d(n, 3, 3, 1, 1)

    def forward(self, x):
        x = self.conv_in(x)
        for name in ["block_1", "attn_1", "block_2"]:
            x = self.mid[name](x)
        for level in reversed(self.up):
            for i, block in enumerate(level.block):
                x = block(x)
                if len(level.attn):
                    x = level.attn[i](x)
            if hasattr(level, "upsample"):
                x = level.upsample["conv"](nn.functional.interpolate(x, scale_factor=2, mode="nearest"))
        return self.conv_out(nn.functional.silu(self.norm_out(x)))


def make(name, seed, vq, **text):
    names = vocabulary()
    config = ChameleonConfig(
        vocab_size=len(names), max_position_embeddings=512, rope_parameters=dict(rope_type="default", rope_theta=1e4), rms_norm_eps=1e-5,
        vq_config=dict(embed_dim=8, num_embeddings=N_CODES, latent_channels=16, base_channels=32, **vq), vocabulary_map=names,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, attn_implementation="eager", **text)
    model = randomise(ChameleonForConditionalGeneration(config), seed, 0.12)
    with torch.no_grad():
        # Unit scale, so that codes lie well apart.
        model.model.vqmodel.quantize.embedding.weight.mul_(8)
    folder = save(name, model, torch.bfloat16)
    tokenizer(folder, names)
    return model, folder


def prompts(model, seed):
    """Raw logits: the reference hides pictures' ids in its own."""
    g = torch.Generator().manual_seed(seed)
    facts, tensors = dict(prompts=[], outputs=[]), {}
    for i, n in enumerate([1, 70]):
        ids = torch.randint(0, model.config.vocab_size, (1, n), generator=g)
        with torch.no_grad():
            tensors[f"logits.{i}"] = model.lm_head(model.model(input_ids=ids).last_hidden_state)[0]
            out = ids
            for _ in range(8):
                logits = model.lm_head(model.model(input_ids=out, use_cache=False).last_hidden_state)[0, -1]
                out = torch.cat([out, logits.argmax().view(1, 1)], 1)
        facts["prompts"].append(ids[0].tolist())
        facts["outputs"].append(out[0, n:].tolist())
    return facts, tensors


def main():
    # Heads of 32: the smallest that GPU kernels know.
    heads = dict(hidden_size=128, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2)
    plain = dict(resolution=16, channel_multiplier=[1], num_res_blocks=1)
    model, folder = make("chameleon_swin", 21, plain, swin_norm=True, attention_bias=True, mlp_bias=True, **heads)
    facts, tensors = prompts(model, 21)
    expect(folder, tensors, **facts)

    vq = dict(resolution=32, channel_multiplier=[1, 1, 2], num_res_blocks=1, attn_resolutions=[16])
    model, folder = make("chameleon", 22, vq, swin_norm=False, **heads)
    facts, tensors = prompts(model, 22)
    vqmodel = model.model.vqmodel
    decoder = randomise(Decoder(model.config.vq_config), 23, 0.08)
    with torch.no_grad():
        for p in decoder.parameters():
            p.copy_(p.to(torch.bfloat16).float())
    weights = load_file(folder / "model.safetensors")
    weights |= {f"model.vqmodel.decoder.{k}": v.to(torch.bfloat16).contiguous() for k, v in decoder.state_dict().items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})

    processor = ChameleonImageProcessorPil(size=dict(shortest_edge=32), crop_size=dict(height=32, width=32))
    (folder / "preprocessor_config.json").write_text(json.dumps(processor.to_dict(), indent=1, default=str) + "\n")
    clear = picture(40, 40, 33).convert("RGBA")
    clear.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 40).astype(np.uint8), (40, 1))))
    pictures = [picture(32, 32, 30), picture(70, 101, 31), picture(50, 20, 32), clear]
    facts["pictures"] = []
    for i, p in enumerate(pictures):
        pixels = processor(images=[p], return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            latents = vqmodel.quant_conv(vqmodel.encoder(pixels))
            codes = vqmodel.encode(pixels).image_tokens
            ids = model.model.get_image_tokens(pixels)
            embedded = vqmodel.quantize.embedding(codes).view(1, 8, 8, -1).permute(0, 3, 1, 2)
            drawn = decoder(vqmodel.post_quant_conv(embedded))
        tensors[f"pixels.{i}"], tensors[f"latents.{i}"], tensors[f"drawn.{i}"] = pixels[0], latents[0], drawn[0]
        facts["pictures"].append(dict(png=png(p), ids=ids[0].tolist()))
        print(f"picture {i}: {len(set(codes.tolist()))} codes, drawn {drawn.min():.2f}..{drawn.max():.2f}, std {drawn.std():.2f}")
    expect(folder, tensors, **facts)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
