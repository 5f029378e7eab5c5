#!/usr/bin/env python3
"""What a step costs far into a text with caches of constant size, against the first depth, as Markdown.

  depths.py --model DIR [--kvern build/release/bin/kvern] [--caches CACHE ...] [--depths 1024,16384,200000] [--rounds 5] [--new 16]

The depth is reached by feeding the cache random keys and values (kvern bench), all of them: what it drops it has held. Times are the
processor time of a step, one thread; ratios are medians over the rounds of the ratio within a round.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CACHES = ["sliding_window{window_length = 1024, force = true}", "sink{window_length = 1024, num_sink_tokens = 4}"]


def measure(a, cache, depth):
    command = [a.kvern, "bench", "--model", a.model, "--threads", 1, "--prefill", "", "--depths", depth, "--new", a.new, "--caches", cache,
               "--set", f"cache_dtype={a.cache_dtype}", "--output", "json"]
    report = json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout)
    step = report["results"][0]["decode"][0]
    return report["processor"], step["cpu_ms_per_token_median"], step["cache_bytes"], report["results"][0]["peak_resident_bytes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--model", required=True, type=pathlib.Path)
    parser.add_argument("--caches", nargs="+", default=CACHES)
    parser.add_argument("--depths", type=lambda text: [int(n) for n in text.split(",")], default=[1024, 16384, 200000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--new", type=int, default=16)
    parser.add_argument("--cache-dtype", default="bfloat16")
    a = parser.parse_args()
    found, loads, processor = {}, [], ""
    for _ in range(a.rounds):
        loads.append(os.getloadavg()[0])
        for cache in a.caches:
            for depth in a.depths:
                processor, *figures = measure(a, cache, depth)
                found.setdefault((cache, depth), []).append(figures)
    print(f"{processor}, 1 thread, {a.model.name}, cache {a.cache_dtype}, {a.rounds} rounds, load {min(loads):.0f} to {max(loads):.0f}\n")
    print(f"| cache | depth | ms a step, median (best) | against depth {a.depths[0]} | bytes of the cache | peak of resident memory |")
    print("|---|---|---|---|---|---|")
    for (cache, depth), rounds in found.items():
        ms = [r[0] for r in rounds]
        ratio = statistics.median(m / first[0] for m, first in zip(ms, found[cache, a.depths[0]]))
        print(f"| `{cache}` | {depth} | {statistics.median(ms):.1f} ({min(ms):.1f}) | {ratio:.3f} | {rounds[0][1]} | "
              f"{max(r[2] for r in rounds) / 1e6:.0f} MB |")


if __name__ == "__main__":
    main()
