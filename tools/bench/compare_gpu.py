#!/usr/bin/env python3
"""The serving mix on one GPU through Ashlar and its peers: all requests at once, text alone and with a picture each; Markdown.

usage: compare_gpu.py [--ashlar target/release/ashlar] [--shape qwen3-vl-2b] [--peers transformers,vllm] [--vllm-model DIR] [FLAG…]
Flags that are not known here go to `ashlar bench engine` (such as `--device cuda`). One program runs at a time, each with the GPU to
itself; each peer's own script says how it measures. vLLM needs `vllm/install.sh` sourced and a folder of `vllm/make_model.py`.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def lines(command, limit_s):
    """The JSON objects that a program prints, one a line or a single one over many."""
    print("$ " + " ".join(command), file=sys.stderr, flush=True)
    try:
        out = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=limit_s).stdout
    except subprocess.TimeoutExpired as stopped:
        print(f"stopped after {limit_s} s", file=sys.stderr)
        out = (stopped.stdout or b"").decode()
    try:
        return [json.loads(out)]
    except json.JSONDecodeError:
        return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--ashlar", default="target/release/ashlar")
    ap.add_argument("--shape", default="qwen3-vl-2b")
    ap.add_argument("--requests", type=int, default=256)
    ap.add_argument("--peers", default="transformers,vllm")
    ap.add_argument("--vllm-model")
    ap.add_argument("--limit-s", type=float, default=300)
    a, more = ap.parse_known_args()
    # Requests a second by load and program.
    rates = {"text": {}, "picture": {}}
    for load, flags in (("text", []), ("picture", ["--images", "1", "--image-size", "448"])):
        command = [a.ashlar, "bench", "engine", "--shape", a.shape, "--requests", str(a.requests), "--concurrency", "0",
                   "--prompt-tokens", "128", "--output-tokens", "128", "--warmup", "64", "--json", *flags, *more]
        for figures in lines(command, a.limit_s):
            rates[load]["Ashlar"] = figures["requests_per_s"]
    if "transformers" in a.peers:
        command = [sys.executable, os.path.join(HERE, "transformers_peer.py"), "--shape", a.shape, "--requests", str(a.requests)]
        for figures in lines(command, a.limit_s):
            if "req_s" in figures:
                load, how = figures["what"].split(", ", 1)
                name = f"transformers, {how}" + (f", batches of {figures['batch']}" if "batch" in figures else "")
                rates[load][name] = figures["req_s"]
    if "vllm" in a.peers and a.vllm_model:
        command = [sys.executable, os.path.join(HERE, "vllm", "run.py"), "--model", a.vllm_model, "--async-engine", "--which", "c,d",
                   "--n", str(a.requests)]
        for figures in lines(command, a.limit_s):
            if figures.get("what") in ("c", "d") and "req_s" in figures:
                rates["text" if figures["what"] == "c" else "picture"]["vLLM"] = figures["req_s"]
    print("| load | | requests/s | output tok/s | Ashlar's by this |\n| --- | --- | --- | --- | --- |")
    for load, by_name in rates.items():
        for name, rate in by_name.items():
            ratio = f"{by_name['Ashlar'] / rate:.2f}" if "Ashlar" in by_name else ""
            print(f"| {load} | {name} | {rate:.1f} | {rate * 128:.0f} | {ratio} |")


main()
