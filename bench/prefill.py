#!/usr/bin/env python3
"""Prefill with each cache against the first one, whole model, in turn: processor time, medians and ratios as Markdown.

  prefill.py --model DIR [--kvern build/release/bin/kvern] [--caches CACHE ...] [--lengths 512,2048] [--rounds 5]

The default compares eviction by attention mass (all four policies, a quarter of the prompt kept) with `dynamic`. The time of a prefill is
that of a process that does three less that of one that does one, by two: loading cancels out.
"""
import argparse
import os
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "sidebyside"))

import machine  # noqa: E402
from programs import run_timed  # noqa: E402

POLICIES = ("h2o", "snapkv", "tova", "window+random")


def caches(length):
    return ["dynamic"] + [f"evicting{{policy = '{policy}', budget_tokens = {length // 4}}}" for policy in POLICIES]


def cpu_seconds(a, cache, length, repeats):
    return run_timed([a.kvern, "bench", "--model", a.model, "--threads", 1, "--prefill", length, "--depths", "", "--repeats", repeats,
                      "--caches", cache, "--set", f"cache_dtype={a.cache_dtype}", "--output", "json"])[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--caches", nargs="+", help="the first is what the others are compared with")
    parser.add_argument("--lengths", type=lambda text: [int(n) for n in text.split(",")], default=[512, 2048])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cache-dtype", default="bfloat16")
    a = parser.parse_args()
    seconds, loads = {}, []
    for _ in range(a.rounds):
        loads.append(os.getloadavg()[0])
        for length in a.lengths:
            for cache in a.caches or caches(length):
                once, thrice = (cpu_seconds(a, cache, length, repeats) for repeats in (1, 3))
                seconds.setdefault((length, cache), []).append((thrice - once) / 2)
    print(f"{machine.processor()}, 1 thread, {a.model.name}, cache {a.cache_dtype}, {a.rounds} rounds, load {min(loads):.0f} to {max(loads):.0f}\n")
    print("| prompt | cache | seconds, median (best) | tokens/s | against the first |\n|---|---|---|---|---|")
    for (length, cache), times in seconds.items():
        first = next(t for (n, _), t in seconds.items() if n == length)
        ratio = statistics.median(t / f for t, f in zip(times, first))
        middle = statistics.median(times)
        print(f"| {length} | `{cache}` | {middle:.3f} ({min(times):.3f}) | {length / middle:.0f} | {ratio:.3f} |")


if __name__ == "__main__":
    main()
