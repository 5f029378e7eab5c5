#!/usr/bin/env python3
"""What is often said of a cache of keys and values, measured: generation and decoding with it against without, its bytes, and how far its
logits are from those without. Random weights of real shapes (make_models.py), float32, one thread; prints Markdown.

  claims.py --models DIR [--kvern build/release/bin/kvern] [--rounds 3]

GPT-2: 1000 new tokens behind 8, greedy. Without a cache a step reads the whole text again; the sum of such steps is that of samples at
several lengths, by Simpson's rule, since all of them take a quarter of an hour. Qwen2 0.5 B: a step behind 512 tokens. Logits: all of a
text of 256 tokens, fed 16 at a time, against reading everything again each time.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "sidebyside"))

import machine  # noqa: E402
from programs import run_timed  # noqa: E402

GPT2, QWEN = "gpt2-124m-f32", "qwen2-0.5b-f32"
PROMPT, NEW = 8, 1000


def run(a, *words):
    text, seconds = run_timed([a.kvern, *words, "--threads", 1, "--output", "json"])
    return json.loads(text), seconds


def steps(a, model, cache, depths, new):
    """Milliseconds of processor time of a step at each depth, and the cache's bytes there."""
    report, _ = run(a, "bench", "--model", a.models / model, "--caches", cache, "--prefill", "", "--depths", ",".join(map(str, depths)), "--new", new)
    return [(d["cpu_ms_per_token_median"], d["cache_bytes_used"]) for d in report["results"][0]["decode"]]


def whole_generation(a, new):
    ids = ",".join(str(7 + i) for i in range(PROMPT))
    return run(a, "generate", "--model", a.models / GPT2, "--cache", "dynamic", "--input-ids", ids, "--max-new-tokens", new,
               "--set", "generation.eos_token_id=[]", "--set", "generation.do_sample=false")[1]


def simpson(values, width):
    return width / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))


def gpt2(a):
    depths = [PROMPT + i * NEW // 8 for i in range(9)]
    for _ in range(a.rounds):
        with_cache = whole_generation(a, NEW) - whole_generation(a, 1)
        without = simpson([ms for ms, _ in steps(a, GPT2, "none", depths, 1)], NEW / 8) / 1e3
        yield with_cache, without


def qwen2(a):
    for _ in range(a.rounds):
        yield (*steps(a, QWEN, "dynamic", [512], 8)[0], steps(a, QWEN, "none", [512], 2)[0][0])


def logits(a, model):
    report, _ = run(a, "compare", "--model", a.models / model, "--text-file", HERE / "text/stories.txt", "--context", 256, "--windows", 1,
                    "--chunk", 16, "--reference", "none", "--cache", "dynamic")
    return report["results"][0]["max_logit_difference"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    a = parser.parse_args()
    load = os.getloadavg()[0]
    middle = lambda rows, i: statistics.median(row[i] for row in rows)  # noqa: E731
    generation, decoding = list(gpt2(a)), list(qwen2(a))
    print(f"{machine.processor()}, 1 thread, processor time, float32 weights and cache, {a.rounds} rounds, load {load:.0f} to {os.getloadavg()[0]:.0f}\n")
    print("| what | with a cache | without | faster by |\n|---|---|---|---|")
    print(f"| {GPT2}, {NEW} new tokens, s | {middle(generation, 0):.1f} | {middle(generation, 1):.0f} | "
          f"{statistics.median(without / kept for kept, without in generation):.1f} |")
    print(f"| {QWEN}, a token behind 512, ms | {middle(decoding, 0):.1f} | {middle(decoding, 2):.0f} | "
          f"{statistics.median(without / kept for kept, _, without in decoding):.1f} |")
    held = 512 * decoding[0][1] // (512 + 8 + 2)
    print(f"\nQwen2 0.5 B: {held} bytes for 512 tokens in float32, {held // 2} in 16 bits. Largest difference of logits with a cache from those "
          f"without: {logits(a, GPT2):.1e} ({GPT2}), {logits(a, QWEN):.1e} ({QWEN}).")


if __name__ == "__main__":
    main()
