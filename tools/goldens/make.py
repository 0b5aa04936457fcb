"""Make tests/goldens: small random models of every family, their inputs and what the reference library computes.

    python -m venv venv && venv/bin/pip install torch torchvision transformers==5.17.0 pillow tiktoken
    venv/bin/python tools/goldens/make.py

Weights are random but large enough that every branch shows in the logits; everything runs in float32 on the CPU with
eager attention. Files with bf16 weights hold the rounded weights that the reference ran with.
"""
import base64, io, json, shutil, sys, warnings
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import (
    AutoProcessor, BertConfig, BertForSequenceClassification, BertModel, DeepseekV3Config, DeepseekV3ForCausalLM, Kimi_K25Config,
    Kimi_K25ForConditionalGeneration, LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM,
    Qwen3MoeConfig, Qwen3MoeForCausalLM, Qwen3VLConfig, Qwen3VLForConditionalGeneration, Qwen3VLMoeConfig,
    Qwen3VLMoeForConditionalGeneration, XLMRobertaConfig, XLMRobertaForSequenceClassification, XLMRobertaModel,
)

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "goldens"
TINY = ROOT / "models" / "ashlar-tiny"


def randomise(model, seed, std):
    """Every parameter away from its initial zeros and ones, so that no bias or norm can be forgotten unnoticed."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            noise = torch.randn(p.shape, generator=g)
            p.copy_(1 + 0.2 * noise if "norm" in name.lower() and name.endswith("weight") else std * noise)
        for name, b in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                b.copy_(0.2 * torch.randn(b.shape, generator=g))
    return model.eval()


def save(name, model, dtype, config=None):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(p.to(dtype).float())
    seen, tensors = set(), {}
    for key, value in model.state_dict().items():
        if not value.is_floating_point() or (value.data_ptr() in seen and value.numel() > 0):
            continue
        seen.add(value.data_ptr())
        tensors[key] = value.to(dtype).contiguous().clone()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    data = model.config.to_dict()
    data["architectures"] = [type(model).__name__]
    data.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(data, indent=1, default=str) + "\n")
    return folder


def split_experts(state):
    """Experts as files hold them: a matrix each."""
    out = {}
    for key, value in state.items():
        stem, _, name = key.rpartition(".mlp.experts.")
        for e in range(len(value) if stem else 0):
            expert = f"{stem}.mlp.experts.{e}"
            if name == "gate_up_proj":
                out[f"{expert}.gate_proj.weight"], out[f"{expert}.up_proj.weight"] = value[e].chunk(2)
            else:
                out[f"{expert}.down_proj.weight"] = value[e]
        if not stem:
            out[key] = value
    return out


def transpose_experts(state):
    """Experts as the Qwen3-VL files hold them: inputs before outputs."""
    return {k: v.transpose(1, 2) if ".mlp.experts." in k else v for k, v in state.items()}


def save_published(name, model, dtype, convert=split_experts):
    """As `save`, in the layout of the checkpoints that people download. The library must read it back as the same model."""
    folder = save(name, model, dtype)
    tensors = {k: v if k.endswith("e_score_correction_bias") else v.to(dtype) for k, v in convert(model.state_dict()).items()}
    save_file({k: v.contiguous() for k, v in tensors.items() if k != "lm_head.weight" or not model.config.tie_word_embeddings},
              folder / "model.safetensors", metadata={"format": "pt"})
    back = type(model).from_pretrained(folder, dtype=torch.float32).state_dict()
    assert all(torch.equal(back[k], v) for k, v in model.state_dict().items()), name
    return folder


def expect(folder, tensors, **facts):
    save_file({k: v.contiguous().float() for k, v in tensors.items()}, folder / "expected.safetensors")
    (folder / "expected.json").write_text(json.dumps(facts) + "\n")


def causal(name, model, dtype, lengths, seed, save=save):
    folder = save(name, model, dtype)
    g = torch.Generator().manual_seed(seed)
    prompts, tensors, outputs = [], {}, []
    for i, n in enumerate(lengths):
        ids = torch.randint(0, model.config.vocab_size, (1, n), generator=g)
        with torch.no_grad():
            tensors[f"logits.{i}"] = model(input_ids=ids).logits[0]
            # The mask says that no token is padding, whatever its id.
            out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
        prompts.append(ids[0].tolist())
        outputs.append(out[0, n:].tolist())
    expect(folder, tensors, prompts=prompts, outputs=outputs)


def text_models():
    common = dict(attn_implementation="eager")
    llama = LlamaConfig(
        vocab_size=96, hidden_size=72, intermediate_size=80, num_hidden_layers=3, num_attention_heads=9, num_key_value_heads=3,
        max_position_embeddings=512, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5,
        rope_parameters=dict(rope_type="llama3", rope_theta=500.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                             original_max_position_embeddings=64), **common)
    causal("llama", randomise(LlamaForCausalLM(llama), 1, 0.15), torch.float32, [5, 90], 1)
    qwen2 = Qwen2Config(
        vocab_size=96, hidden_size=48, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=1e6), **common)
    causal("qwen2", randomise(Qwen2ForCausalLM(qwen2), 2, 0.15), torch.bfloat16, [1, 40], 2)
    qwen3 = Qwen3Config(
        vocab_size=96, hidden_size=40, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, head_dim=24,
        max_position_embeddings=256, rope_parameters=dict(rope_type="default", rope_theta=1e6), **common)
    causal("qwen3", randomise(Qwen3ForCausalLM(qwen3), 3, 0.15), torch.float16, [3, 50], 3)


def mixtures():
    common = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
                  max_position_embeddings=256, num_experts=8, num_experts_per_tok=3, moe_intermediate_size=24,
                  rope_parameters=dict(rope_type="default", rope_theta=1e6), attn_implementation="eager")
    # Of five layers, the second is dense by name, the odd ones by the step.
    some = Qwen3MoeConfig(num_hidden_layers=5, decoder_sparse_step=2, mlp_only_layers=[1], norm_topk_prob=True, **common)
    causal("qwen3_moe", randomise(Qwen3MoeForCausalLM(some), 11, 0.2), torch.bfloat16, [3, 50], 11, save_published)
    every = Qwen3MoeConfig(num_hidden_layers=2, norm_topk_prob=False, **common)
    causal("qwen3_moe_unnormalised", randomise(Qwen3MoeForCausalLM(every), 12, 0.2), torch.float32, [1, 40], 12, save_published)


def latents():
    common = dict(vocab_size=96, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4,
                  kv_lora_rank=16, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=20, n_routed_experts=8, num_experts_per_tok=3,
                  moe_intermediate_size=24, first_k_dense_replace=1, routed_scaling_factor=1.7, max_position_embeddings=512,
                  rms_norm_eps=1e-5, num_mtp_layers=0, rope_parameters=dict(rope_type="default", rope_theta=1e4),
                  attn_implementation="eager")
    # Moonlight's shape, and every branch of its larger relatives.
    plain = DeepseekV3Config(q_lora_rank=None, n_group=1, topk_group=1, n_shared_experts=2, **common)
    causal("deepseek_v3", randomise(DeepseekV3ForCausalLM(plain), 13, 0.2), torch.bfloat16, [3, 70], 13, save_published)
    groups = DeepseekV3Config(q_lora_rank=24, n_group=4, topk_group=2, n_shared_experts=1, norm_topk_prob=False, attention_bias=True,
                              **common)
    causal("deepseek_v3_groups", randomise(DeepseekV3ForCausalLM(groups), 14, 0.2), torch.float32, [1, 40], 14, save_published)


def encoders():
    g = torch.Generator().manual_seed(4)
    small = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, attn_implementation="eager")

    def texts(lengths, two, first_id=0):
        out = []
        for n in lengths:
            ids = torch.randint(first_id, 64, (n,), generator=g).tolist()
            out.append(dict(ids=ids, types=[int(two and i > n // 2) for i in range(n)]))
        return out

    def run(model, inputs):
        with torch.no_grad():
            return [model(input_ids=torch.tensor([t["ids"]]), token_type_ids=torch.tensor([t["types"]])) for t in inputs]

    bert = randomise(BertModel(BertConfig(max_position_embeddings=40, **small)), 5, 0.2)
    folder = save("bert", bert, torch.float32)
    inputs = texts([1, 7, 40], True)
    expect(folder, {"mean": torch.stack([o.last_hidden_state[0].mean(0) for o in run(bert, inputs)])}, inputs=inputs)

    # CLS pooling, a dense layer and normalisation, as sentence-transformers stores them.
    xlmr = randomise(XLMRobertaModel(XLMRobertaConfig(max_position_embeddings=42, type_vocab_size=1, pad_token_id=1, **small)), 6, 0.2)
    folder = save("xlm_roberta", xlmr, torch.float32)
    dense = randomise(torch.nn.ModuleDict({"linear": torch.nn.Linear(32, 20)}), 7, 0.2)
    modules = ["", "1_Pooling", "2_Dense", "3_Normalize"]
    kinds = ["Transformer", "Pooling", "Dense", "Normalize"]
    (folder / "modules.json").write_text(json.dumps(
        [dict(idx=i, name=str(i), path=p, type=f"sentence_transformers.models.{k}") for i, (p, k) in enumerate(zip(modules, kinds))]))
    for module in modules[1:3]:
        (folder / module).mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(dict(
        word_embedding_dimension=32, pooling_mode_cls_token=True, pooling_mode_mean_tokens=False, pooling_mode_max_tokens=False,
        pooling_mode_mean_sqrt_len_tokens=False)))
    (folder / "2_Dense" / "config.json").write_text(json.dumps(dict(
        in_features=32, out_features=20, bias=True, activation_function="torch.nn.modules.activation.Tanh")))
    save_file({k: v.contiguous() for k, v in dense.state_dict().items()}, folder / "2_Dense" / "model.safetensors")
    # Ids above the padding id: a padding id inside a text would shift the reference's positions.
    inputs = texts([2, 40], False, 2)
    with torch.no_grad():
        x = torch.stack([o.last_hidden_state[0, 0] for o in run(xlmr, inputs)])
        x = torch.nn.functional.normalize(torch.tanh(dense["linear"](x)))
    expect(folder, {"vectors": x}, inputs=inputs)

    reranker = randomise(BertForSequenceClassification(BertConfig(max_position_embeddings=40, num_labels=1, **small)), 8, 0.2)
    folder = save("bert_reranker", reranker, torch.float32)
    inputs = texts([9, 33], True)
    expect(folder, {"scores": torch.cat([o.logits[0] for o in run(reranker, inputs)])}, inputs=inputs)

    config = XLMRobertaConfig(max_position_embeddings=42, type_vocab_size=1, pad_token_id=1, num_labels=1, **small)
    reranker = randomise(XLMRobertaForSequenceClassification(config), 9, 0.2)
    folder = save("xlm_roberta_reranker", reranker, torch.float32)
    inputs = texts([5, 40], False, 2)
    expect(folder, {"scores": torch.cat([o.logits[0] for o in run(reranker, inputs)])}, inputs=inputs)


def picture(height, width, seed):
    """Smooth waves with a few hard edges: resampling shows, PNG stays small."""
    y, x = np.mgrid[0:height, 0:width]
    rng = np.random.default_rng(seed)
    a = np.stack([127 + 100 * np.sin(x / rng.uniform(3, 9) + y / rng.uniform(4, 12) + c) for c in range(3)], -1)
    a[height // 3: height // 2, width // 4: width // 2] = rng.integers(0, 255, 3)
    return Image.fromarray(a.clip(0, 255).astype(np.uint8))


def png(image):
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def qwen3_vl():
    check_qwen3_vl("qwen3_vl", Qwen3VLConfig, Qwen3VLForConditionalGeneration, {}, 10, save)


def qwen3_vl_moe():
    experts = dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=24, mlp_only_layers=[2])
    check_qwen3_vl("qwen3_vl_moe", Qwen3VLMoeConfig, Qwen3VLMoeForConditionalGeneration, experts, 15,
                   lambda *args: save_published(*args, transpose_experts))


def check_qwen3_vl(name, config_class, model_class, experts, seed, save):
    text = dict(vocab_size=3072, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
                max_position_embeddings=2048, rms_norm_eps=1e-6, tie_word_embeddings=True,
                rope_parameters=dict(rope_type="default", rope_theta=1e4, mrope_interleaved=True, mrope_section=[4, 2, 2]), **experts)
    vision = dict(hidden_size=24, depth=4, num_heads=2, intermediate_size=40, patch_size=16, temporal_patch_size=2, spatial_merge_size=2,
                  num_position_embeddings=64, deepstack_visual_indexes=[0, 2, 3], out_hidden_size=32, hidden_act="gelu_pytorch_tanh")
    config = config_class(text_config=text, vision_config=vision, image_token_id=3064, video_token_id=3065, vision_start_token_id=3062,
                           vision_end_token_id=3063, tie_word_embeddings=True, attn_implementation="eager")
    model = randomise(model_class(config), seed, 0.2)
    folder = save(name, model, torch.bfloat16)
    for name in ["preprocessor_config.json", "video_preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]:
        if name.endswith("processor_config.json"):
            shutil.copy(TINY / name, folder / name)
    processor = AutoProcessor.from_pretrained(TINY)
    images = [picture(64, 96, 1), picture(70, 101, 2), picture(128, 64, 3)]
    frames = [picture(64, 64, 10 + i) for i in range(5)]
    cases, tensors = [], {}
    see = "<|vision_start|><|image_pad|><|vision_end|>"
    watch = "<|vision_start|><|video_pad|><|vision_end|>"
    prompts = [
        ("text", "What is this?", [], []),
        ("image", f"Look: {see}What is this?", images[:1], []),
        ("images", f"{see}and {see} or{see}?", images, []),
        ("video", f"{watch}What happens?", [], [frames]),
        ("mixed", f"{see}before {watch} and after{see}", images[1:], [frames]),
    ]
    for name, prompt, pictures, clips in prompts:
        kwargs = {}
        if clips:
            kwargs = dict(videos=[np.stack([np.asarray(f) for f in c]) for c in clips],
                          video_metadata=[dict(fps=2.0, total_num_frames=len(c), duration=len(c) / 2.0) for c in clips])
        inputs = processor(text=[prompt], images=pictures or None, return_tensors="pt", **kwargs)
        with torch.no_grad():
            out = model(**inputs)
            generated = model.generate(**inputs, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
            n = inputs["input_ids"].shape[1]
            # Random weights give logits far from unit scale: only the last rows are kept.
            tensors[f"{name}.logits"] = out.logits[0, -4:]
            for kind in ["image", "video"]:
                key = "pixel_values" if kind == "image" else "pixel_values_videos"
                if key in inputs:
                    grid = inputs[f"{kind}_grid_thw"]
                    features = model.model.visual(inputs[key], grid_thw=grid)
                    tensors[f"{name}.{kind}.embeddings"] = features.pooler_output
                    tensors[f"{name}.{kind}.deepstack"] = torch.stack(list(features.deepstack_features))
                    # Grey levels, exactly.
                    tensors[f"{name}.{kind}.pixels"] = ((inputs[key] + 1) * 127.5).round()
        cases.append(dict(
            name=name, prompt=prompt, images=[png(i) for i in pictures], clips=[[png(f) for f in c] for c in clips],
            input_ids=inputs["input_ids"][0].tolist(), output_ids=generated[0, n:].tolist(),
            image_grid_thw=inputs.get("image_grid_thw", torch.zeros(0, 3)).tolist(),
            video_grid_thw=inputs.get("video_grid_thw", torch.zeros(0, 3)).tolist()))
    pixels = {k: v.to(torch.uint8) for k, v in tensors.items() if k.endswith("pixels")}
    rest = {k: v.contiguous().float() for k, v in tensors.items() if not k.endswith("pixels")}
    save_file({**rest, **pixels}, folder / "expected.safetensors")
    (folder / "expected.json").write_text(json.dumps(dict(cases=cases)) + "\n")


def kimi_picture(image, limit):
    """The published preprocessing: scaled down to the limit of patches, filled up with black to blocks of 28 pixels."""
    w, h = image.size
    n = (w // 14) * (h // 14)
    if n > limit:
        scale = (limit / n) ** 0.5
        image = image.resize((int(w * scale), int(h * scale)), Image.Resampling.BICUBIC)
    w, h = image.size
    levels = np.zeros((-(-h // 28) * 28, -(-w // 28) * 28, 3), np.uint8)
    levels[:h, :w] = np.asarray(image)
    gh, gw = levels.shape[0] // 14, levels.shape[1] // 14
    patches = levels.reshape(gh, 14, gw, 14, 3).transpose(0, 2, 4, 1, 3).reshape(gh * gw, 3, 14, 14)
    return levels, torch.from_numpy(patches.copy()).float() / 127.5 - 1, [1, gh, gw]


def published_kimi(state):
    """The names of the published checkpoint; its vision heads interleave the rotary halves."""
    out = {}
    for key, value in split_experts(state).items():
        if key.startswith("model.vision_tower.layers."):
            index, _, name = key.removeprefix("model.vision_tower.layers.").partition(".")
            for ours, theirs in [("norm1", "norm0"), ("norm2", "norm1"), ("mlp.fc1", "mlp.fc0"), ("mlp.fc2", "mlp.fc1"), ("attn.proj", "wo")]:
                if name.startswith(ours + "."):
                    name = name.replace(ours, theirs)
                    break
            block = f"vision_tower.encoder.blocks.{index}"
            if not name.startswith("attn."):
                out[f"{block}.{name}"] = value
            elif name.startswith("attn.q_proj"):
                q, k, v = (state[key.replace("q_proj", part)] for part in ["q_proj", "k_proj", "v_proj"])
                mix = lambda x: x.reshape(2, 2, len(x) // 4, -1).transpose(1, 2).reshape(x.shape)
                out[f"{block}.wqkv.{name.rpartition('.')[2]}"] = torch.cat([mix(q), mix(k), v])
            continue
        for ours, theirs in [("model.language_model", "language_model.model"), ("lm_head", "language_model.lm_head"),
                             ("model.vision_tower.final", "vision_tower.encoder.final"), ("model.vision_tower", "vision_tower"),
                             ("pos_emb.position_embeddings", "pos_emb.weight"), ("model.mm_projector.in_proj", "mm_projector.proj.0"),
                             ("model.mm_projector.out_proj", "mm_projector.proj.2"), ("model.mm_projector", "mm_projector")]:
            if ours in key:
                key = key.replace(ours, theirs)
                if not ours.startswith("model.vision_tower"):
                    break
        out[key] = value
    return out


def kimi_vl():
    """The library has no Kimi-VL: on single frames its Kimi-K2.5 is the same, under other names."""
    text = dict(model_type="deepseek_v3", vocab_size=3072, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
                num_key_value_heads=4, q_lora_rank=None, kv_lora_rank=16, qk_nope_head_dim=8, qk_rope_head_dim=8, v_head_dim=12,
                n_routed_experts=8, num_experts_per_tok=3, moe_intermediate_size=24, n_shared_experts=2, n_group=1, topk_group=1,
                first_k_dense_replace=1, routed_scaling_factor=2.446, norm_topk_prob=True, rms_norm_eps=1e-5, num_mtp_layers=0,
                max_position_embeddings=2048, tie_word_embeddings=False, rope_parameters=dict(rope_type="default", rope_theta=8e5))
    vision = dict(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, intermediate_size=40, patch_size=14, pos_emb_height=6,
                  pos_emb_width=6, pos_emb_time=4, merge_kernel_size=[2, 2])
    config = Kimi_K25Config(text_config=text, vision_config=vision, projection_hidden_size=32, image_token_id=3064, video_token_id=3065,
                            tie_word_embeddings=False, attn_implementation="eager")
    model = randomise(Kimi_K25ForConditionalGeneration(config), 16, 0.2)
    folder = save_published("kimi_vl", model, torch.bfloat16, published_kimi)
    # The projector's names are Kimi-VL's own.
    names = {"mm_projector.proj.0": "multi_modal_projector.linear_1", "mm_projector.proj.2": "multi_modal_projector.linear_2",
             "mm_projector.pre_norm": "multi_modal_projector.pre_norm"}
    renamed = {}
    for key, value in load_file(folder / "model.safetensors").items():
        stem = key.rpartition(".")[0]
        renamed[key.replace(stem, names.get(stem, stem))] = value
    save_file(renamed, folder / "model.safetensors", metadata={"format": "pt"})
    text |= dict(rope_theta=8e5, rope_scaling=None, topk_method="noaux_tc", scoring_func="sigmoid", hidden_act="silu", moe_layer_freq=1,
                 attention_bias=False)
    del text["rope_parameters"], text["num_mtp_layers"]
    vision = dict(model_type="moonvit", patch_size=14, num_attention_heads=2, num_hidden_layers=3, hidden_size=32, intermediate_size=40,
                  init_pos_emb_height=6, init_pos_emb_width=6, merge_kernel_size=[2, 2])
    (folder / "config.json").write_text(json.dumps(dict(
        architectures=["KimiVLForConditionalGeneration"], model_type="kimi_vl", media_placeholder_token_id=3064, text_config=text,
        vision_config=vision), indent=1) + "\n")
    limit = 48
    (folder / "preprocessor_config.json").write_text(json.dumps(dict(
        in_token_limit=limit, patch_size=14, pad_input=True, image_mean=[0.5] * 3, image_std=[0.5] * 3, merge_kernel_size=[2, 2],
        num_pooled_tokens=1024)) + "\n")
    tokenizer = AutoProcessor.from_pretrained(TINY).tokenizer
    # As large as the table, smaller, filled up, and scaled down.
    images = [picture(84, 84, 31), picture(56, 28, 32), picture(60, 90, 33), picture(150, 110, 34)]
    see = "<|image_pad|>"
    cases, tensors = [], {}
    for name, prompt, pictures in [("text", "What is this?", []), ("image", f"Look: {see}What is this?", images[:1]),
                                   ("images", f"{see}and {see} or{see}, not {see}?", images)]:
        levels, patches, grids = zip(*[kimi_picture(i, limit) for i in pictures]) if pictures else ([], [], [])
        parts = prompt.split(see)
        expanded = parts[0] + "".join(see * (g[1] * g[2] // 4) + part for g, part in zip(grids, parts[1:]))
        ids = tokenizer(expanded, return_tensors="pt")["input_ids"]
        inputs = dict(input_ids=ids, attention_mask=torch.ones_like(ids))
        if pictures:
            inputs |= dict(pixel_values=torch.cat(patches), image_grid_thw=torch.tensor(grids))
        with torch.no_grad():
            tensors[f"{name}.logits"] = model(**inputs).logits[0, -4:]
            generated = model.generate(**inputs, max_new_tokens=8, do_sample=False, eos_token_id=None, pad_token_id=0)
            if pictures:
                features = model.get_image_features(inputs["pixel_values"], inputs["image_grid_thw"])
                tensors[f"{name}.embeddings"] = torch.cat(features.pooler_output)
        cases.append(dict(name=name, prompt=prompt, images=[png(i) for i in pictures], input_ids=ids[0].tolist(),
                          output_ids=generated[0, ids.shape[1]:].tolist(), levels=[png(Image.fromarray(l)) for l in levels]))
    expect(folder, tensors, cases=cases)


def tiktoken_ranks():
    """A small vocabulary in tiktoken's format under Kimi's rules for splitting, and what tiktoken makes of texts."""
    import tiktoken
    from tiktoken._educational import SimpleBytePairEncoding
    letters = r"\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]"
    contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    pattern = "|".join([
        r"[\p{Han}]+", rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{letters}]*[\p{{Ll}}{letters}]+{contraction}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{letters}]+[\p{{Ll}}{letters}]*{contraction}", r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*",
        r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
    folder = OUT / "tiktoken"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # Learnt with a simpler pattern: what the trainer's library reads.
    sample = ((ROOT / "README.md").read_text() + "你好，世界。你好吗？我们的世界很大。" * 3)[:6000]
    ranks = SimpleBytePairEncoding.train(sample, 600, r" ?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+").mergeable_ranks
    (folder / "tiktoken.model").write_text("".join(f"{base64.b64encode(t).decode()} {r}\n" for t, r in ranks.items()))
    names = {0: "[BOS]", 1: "[EOS]", 2: "<|im_end|>", 3: "<|im_user|>", 4: "<|im_assistant|>", 10: "<|im_system|>", 17: "<|im_middle|>",
             18: "<|media_start|>", 19: "<|media_content|>", 20: "<|media_end|>", 21: "<|media_pad|>", 254: "[UNK]", 255: "[PAD]"}
    special = {names.get(i, f"<|reserved_token_{len(ranks) + i}|>"): len(ranks) + i for i in range(256)}
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(
        added_tokens_decoder={str(len(ranks) + i): dict(content=name, special=True) for i, name in names.items()},
        bos_token="[BOS]", eos_token="[EOS]", model_max_length=131072, tokenizer_class="TikTokenTokenizer")) + "\n")
    encoding = tiktoken.Encoding("kimi", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    texts = ["Hello, world", "the models of the engine", "camelCaseWords and HTTPServer", "it's WE'LL don't I'd", "12345.678 and 1 000",
             "你好，世界。Hello世界and你", " two  spaces\n\nand\ttabs  \n  x ", "🙂 naïve résumé", "カタカナ한국어Ünïcödé", "...!?\r\n--> a_b",
             "<|im_user|>user<|im_middle|>hi<|im_end|>", "<|im_user|>ａ[EOS]<|reserved_token_%d|>" % (len(ranks) + 5)]
    cases = [dict(text=t, ids=encoding.encode(t, allowed_special="all")) for t in texts]
    (folder / "expected.json").write_text(json.dumps(dict(cases=cases)) + "\n")


def resize():
    """The same pictures through torchvision and Pillow."""
    from torchvision.transforms.v2 import functional as F
    folder = OUT / "resize"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cases = []
    for i, (h, w, h2, w2) in enumerate([(40, 30, 64, 32), (96, 120, 32, 64), (50, 50, 50, 32), (1, 1, 32, 32), (70, 9, 32, 32)]):
        image = picture(h, w, 20 + i)
        t = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)
        t = F.resize(t, [h2, w2], interpolation=F.InterpolationMode.BICUBIC, antialias=True).permute(1, 2, 0).contiguous()
        p = image.resize((w2, h2), Image.Resampling.BICUBIC)
        cases.append(dict(image=png(image), width=w2, height=h2, torchvision=png(Image.fromarray(t.numpy())), pillow=png(p)))
    (folder / "expected.json").write_text(json.dumps(dict(cases=cases)) + "\n")


if __name__ == "__main__":
    torch.manual_seed(0)
    for make in [text_models, mixtures, latents, encoders, qwen3_vl, qwen3_vl_moe, kimi_vl, tiktoken_ranks, resize]:
        if len(sys.argv) < 2 or make.__name__ in sys.argv[1:]:
            make()
            print(make.__name__, "made")
