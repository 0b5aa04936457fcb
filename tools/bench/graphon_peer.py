#!/usr/bin/env python3
"""Runs DSL files through graphon, the engine behind Dify, in process: runs a second, one JSON object a file.

    python3.12 -m venv VENV && VENV/bin/pip install graphon==0.8.0
    VENV/bin/python tools/bench/graphon_peer.py [--seconds 3] tests/fixtures/workflows/*.yml
"""
import argparse
import json
import logging
import pathlib
import time

from graphon.dsl import loads


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    for path in args.files:
        text = path.read_text()

        def once():
            engine = loads(text, credentials={}, workflow_id="w", start_inputs={"q": "banana"})
            return list(engine.run())

        events = once()
        if not type(events[-1]).__name__.endswith("SucceededEvent"):
            raise SystemExit(f"{path}: ended with {events[-1]}")
        started, runs = time.perf_counter(), 0
        while time.perf_counter() - started < args.seconds:
            once()
            runs += 1
        rate = runs / (time.perf_counter() - started)
        print(json.dumps({"file": path.stem, "runs_per_s": rate, "events": len(events)}))


main()
