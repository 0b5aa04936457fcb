"""Make tests/goldens/adapters: LoRA adapters of the small models in tests/goldens, and what the reference library computes with them.

    venv/bin/pip install torch torchvision transformers==5.17.0 peft==0.21.2
    venv/bin/python tools/goldens/adapters.py

The models must be there already (make.py). Both matrices are random and large enough that every update shows in the logits.
"""
import json, shutil, warnings
from pathlib import Path

import peft.utils.transformers_weight_conversion
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import DeepseekV3ForCausalLM, LlamaForCausalLM, Qwen3ForCausalLM, Qwen3VLForConditionalGeneration

warnings.filterwarnings("ignore")
# It would take every `gate_proj` of a model with experts for theirs.
peft.utils.transformers_weight_conversion.convert_peft_config_for_transformers = lambda *_, **__: None
ROOT = Path(__file__).resolve().parents[2]
GOLDENS = ROOT / "tests" / "goldens"


def adapter(name, base, model_class, dtype, seed, scale=0.15, **settings):
    folder = GOLDENS / "adapters" / name
    shutil.rmtree(folder, ignore_errors=True)
    model = model_class.from_pretrained(ROOT / base, dtype=torch.float32, attn_implementation="eager")
    expected = ROOT / base / "expected.json"
    prompts = json.loads(expected.read_text()).get("prompts") if expected.exists() else None
    prompts = prompts or [[40 + 7 * i % 900 for i in range(n)] for n in (3, 9)]
    plain = [logits(model, ids) for ids in prompts]
    model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings)).eval()
    model.peft_config["default"].base_model_name_or_path = f"ashlar/{Path(base).name.upper()}"
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for key, p in sorted(model.named_parameters()):
            if "lora_" in key:
                p.copy_((scale * torch.randn(p.shape, generator=g)).to(dtype).float())
    model.save_pretrained(folder)
    (folder / "README.md").unlink()
    weights = load_file(folder / "adapter_model.safetensors")
    save_file({k: v.to(dtype).contiguous() for k, v in weights.items()}, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    expected = {f"logits.{i}": logits(model, ids) for i, ids in enumerate(prompts)}
    for i, before in enumerate(plain):
        assert (expected[f"logits.{i}"] - before).abs().max() > 0.5, name
    save_file(expected, folder / "expected.safetensors")
    (folder / "expected.json").write_text(json.dumps(dict(base=base, prompts=prompts)) + "\n")
    print(name, len(weights), "tensors")


def logits(model, ids):
    with torch.no_grad():
        return model(input_ids=torch.tensor([ids])).logits[0].contiguous().float()


adapter("llama_all", "tests/goldens/llama", LlamaForCausalLM, torch.float32, 1, r=8, lora_alpha=16, target_modules="all-linear")
adapter("llama_some", "tests/goldens/llama", LlamaForCausalLM, torch.bfloat16, 2, r=4, lora_alpha=8, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"],
        rank_pattern={"layers.1.self_attn.q_proj": 11, r"layers\.2\..*": 2}, alpha_pattern={"v_proj": 3})
adapter("llama_queries", "tests/goldens/llama", LlamaForCausalLM, torch.bfloat16, 7, r=20, lora_alpha=20, target_modules=["q_proj"])
adapter("qwen3", "tests/goldens/qwen3", Qwen3ForCausalLM, torch.float16, 3, r=16, lora_alpha=8, target_modules=["k_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
adapter("qwen3_vl", "tests/goldens/qwen3_vl", Qwen3VLForConditionalGeneration, torch.bfloat16, 4, r=6, lora_alpha=12,
        target_modules=r"^(?!.*visual).*\.(q|k|v|o|gate|up|down)_proj$")
adapter("deepseek_v3", "tests/goldens/deepseek_v3", DeepseekV3ForCausalLM, torch.float32, 5, r=5, lora_alpha=5,
        target_modules=["q_proj", "kv_a_proj_with_mqa", "o_proj", *(f"shared_experts.{m}_proj" for m in ["gate", "up", "down"]),
                        *(f"layers.0.mlp.{m}_proj" for m in ["gate", "up", "down"])])
adapter("deepseek_v3_groups", "tests/goldens/deepseek_v3_groups", DeepseekV3ForCausalLM, torch.float32, 6, r=5, lora_alpha=5,
        target_modules=["q_a_proj", "q_b_proj", "kv_a_proj_with_mqa"])
# Of the bundled model, weak enough that it goes on writing words.
for name, seed in [("tiny_a", 8), ("tiny_b", 9)]:
    adapter(name, "models/ashlar-tiny", Qwen3VLForConditionalGeneration, torch.bfloat16, seed, scale=0.06, r=4, lora_alpha=8,
            target_modules=r".*language_model.*\.(q_proj|v_proj)")
