"""Make tests/goldens/{smollm2,minilm}.json from the real checkpoints in assets/ (tools/fetch-assets.sh assets smollm2 minilm).

    venv/bin/pip install torch transformers==5.17.0 gguf sentence-transformers
    venv/bin/python tools/goldens/assets.py

SmolLM2's GGUF is dequantised and run in float32: the engine multiplies its blocks as 8-bit integers, so logits agree only
roughly and the test asks for the same best token where the reference is sure.
"""
import json
from pathlib import Path

import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests" / "goldens"


def smollm2():
    folder = ROOT / "assets" / "smollm2-135m-instruct"
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    cases = []
    for text in [
        "<|im_start|>user\nWhat is the capital of France?<|im_end|>\n<|im_start|>assistant\n",
        "The quick brown fox jumps over the lazy dog. In 1969, the first humans",
        "def fibonacci(n):\n    if n <= 1:\n        return n\n    return",
    ]:
        ids = tokenizer(text, add_special_tokens=False, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(ids).logits[0]
            out = model.generate(ids, max_new_tokens=12, do_sample=False, eos_token_id=[2], pad_token_id=2)
        top = logits[-1].topk(10)
        cases.append(dict(text=text, ids=ids[0].tolist(), output_ids=out[0, ids.shape[1]:].tolist(),
                          output=tokenizer.decode(out[0, ids.shape[1]:]),
                          top=[[int(i), float(v)] for i, v in zip(top.indices, top.values)],
                          best=logits.argmax(-1).tolist(),
                          margin=[float(r[0] - r[1]) for r in logits.topk(2, -1).values]))
        print(repr(cases[-1]["output"]))
    (OUT / "smollm2.json").write_text(json.dumps(dict(cases=cases), indent=1) + "\n")


def minilm():
    folder = next(p for p in (ROOT / "assets").iterdir() if "minilm" in p.name.lower())
    model = SentenceTransformer(str(folder), device="cpu")
    texts = ["How do I reset my password?", "I forgot my credentials", "The weather is lovely today, isn't it? " * 60, "你好"]
    vectors = model.encode(texts, normalize_embeddings=True)
    cases = [dict(text=t, vector=[round(float(x), 6) for x in v]) for t, v in zip(texts, vectors)]
    (OUT / "minilm.json").write_text(json.dumps(dict(cases=cases)) + "\n")


if __name__ == "__main__":
    smollm2()
    minilm()
