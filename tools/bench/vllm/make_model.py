#!/usr/bin/env python3
"""Write a model folder of a Qwen3-VL shape with no weights, for vLLM's load_format='dummy'.

usage: make_model.py {qwen3-vl-2b|qwen3-vl-4b|qwen3-vl-8b} OUT_DIR
The tokenizer is byte level with no merges (256 byte tokens,
filler tokens up to 151642) and has the real special tokens at their real ids.
"""
import json
import os
import sys

SHAPES = {
    # name: hidden, inter, layers, heads, kv, tied, vision (depth, width, mlp, deepstack)
    "qwen3-vl-2b": (2048, 6144, 28, 16, 8, True, (24, 1024, 4096, [5, 11, 17])),
    "qwen3-vl-4b": (2560, 9728, 36, 32, 8, True, (24, 1024, 4096, [5, 11, 17])),
    "qwen3-vl-8b": (4096, 12288, 36, 32, 8, False, (27, 1152, 4304, [8, 16, 24])),
}
SPECIAL = [  # ids from 151643
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|object_ref_start|>", "<|object_ref_end|>",
    "<|box_start|>", "<|box_end|>", "<|quad_start|>", "<|quad_end|>", "<|vision_start|>",
    "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>",
    "<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>", "<|fim_pad|>",
    "<|repo_name|>", "<|file_sep|>", "<tool_response>", "</tool_response>", "<think>", "</think>",
]
N_SPECIAL_TRUE = 14  # the first 14 are special, the rest plain added tokens
BASE = 151643
TEMPLATE = """{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content is string %}
{{- message.content }}
{%- else %}
{%- for part in message.content %}
{%- if part.type == 'image' or 'image' in part or 'image_url' in part %}
{{- '<|vision_start|><|image_pad|><|vision_end|>' }}
{%- elif part.type == 'video' or 'video' in part %}
{{- '<|vision_start|><|video_pad|><|vision_end|>' }}
{%- elif 'text' in part %}
{{- part.text }}
{%- endif %}
{%- endfor %}
{%- endif %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""


def byte_alphabet():
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs, n = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b)
            cs.append(256 + n)
            n += 1
    return [chr(c) for _, c in sorted(zip(bs, cs))]


def filler(i):
    s = ""
    for _ in range(4):
        s += chr(97 + i % 26)
        i //= 26
    return "\u0120" + s  # a space, then four letters: unique, decodable


def tokenizer_json():
    vocab = {c: i for i, c in enumerate(byte_alphabet())}
    for i in range(256, BASE):
        vocab[filler(i)] = i
    assert len(vocab) == BASE
    added = [
        {"id": BASE + k, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": k < N_SPECIAL_TRUE}
        for k, t in enumerate(SPECIAL)
    ]
    bl = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split",
                 "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
                                      " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
                 "behavior": "Isolated", "invert": False},
                bl,
            ],
        },
        "post_processor": bl, "decoder": bl,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
                  "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": vocab, "merges": []},
    }


def config(name):
    h, inter, layers, heads, kv, tied, (vd, vw, vm, ds) = SHAPES[name]
    rope = {"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "transformers_version": "5.17.0",
        "model_type": "qwen3_vl",
        "dtype": "bfloat16",
        "image_token_id": 151655, "video_token_id": 151656,
        "vision_start_token_id": 151652, "vision_end_token_id": 151653,
        "tie_word_embeddings": tied,
        "text_config": {
            "model_type": "qwen3_vl_text", "dtype": "bfloat16", "vocab_size": 151936,
            "hidden_size": h, "intermediate_size": inter, "num_hidden_layers": layers,
            "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": 128,
            "hidden_act": "silu", "rms_norm_eps": 1e-06, "attention_bias": False, "attention_dropout": 0.0,
            "initializer_range": 0.02, "max_position_embeddings": 262144,
            "rope_theta": 5000000, "rope_scaling": rope,
            "tie_word_embeddings": tied, "use_cache": True, "bos_token_id": 151643, "eos_token_id": 151645,
        },
        "vision_config": {
            "model_type": "qwen3_vl", "depth": vd, "hidden_size": vw, "intermediate_size": vm, "num_heads": 16,
            "hidden_act": "gelu_pytorch_tanh", "in_channels": 3, "initializer_range": 0.02, "patch_size": 16,
            "temporal_patch_size": 2, "spatial_merge_size": 2, "num_position_embeddings": 2304,
            "out_hidden_size": h, "deepstack_visual_indexes": ds,
        },
    }


def main():
    name, out = sys.argv[1], sys.argv[2]
    os.makedirs(out, exist_ok=True)

    def w(fn, obj):
        with open(os.path.join(out, fn), "w", encoding="utf-8") as f:
            f.write(obj if isinstance(obj, str) else json.dumps(obj, indent=1, ensure_ascii=False))

    w("config.json", config(name))
    w("generation_config.json", {"bos_token_id": 151643, "pad_token_id": 151643,
                                 "eos_token_id": [151645, 151643], "do_sample": False})
    w("tokenizer.json", tokenizer_json())
    w("tokenizer_config.json", {
        "tokenizer_class": "Qwen2TokenizerFast", "model_max_length": 262144, "add_prefix_space": False,
        "add_bos_token": False, "bos_token": None, "unk_token": None, "errors": "replace", "split_special_tokens": False,
        "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "clean_up_tokenization_spaces": False,
        "additional_special_tokens": SPECIAL[1:N_SPECIAL_TRUE],
        "added_tokens_decoder": {
            str(BASE + k): {"content": t, "lstrip": False, "normalized": False, "rstrip": False,
                            "single_word": False, "special": k < N_SPECIAL_TRUE}
            for k, t in enumerate(SPECIAL)
        },
        "chat_template": TEMPLATE,
    })
    w("chat_template.jinja", TEMPLATE)
    norm = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5], "patch_size": 16,
            "temporal_patch_size": 2, "merge_size": 2, "processor_class": "Qwen3VLProcessor"}
    w("preprocessor_config.json", {**norm, "image_processor_type": "Qwen2VLImageProcessorFast",
                                   "size": {"shortest_edge": 65536, "longest_edge": 16777216}})
    w("video_preprocessor_config.json", {**norm, "video_processor_type": "Qwen3VLVideoProcessor",
                                         "size": {"shortest_edge": 4096, "longest_edge": 25165824}})
    print(out, name)


if __name__ == "__main__":
    main()
