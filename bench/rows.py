#!/usr/bin/env python3
"""Decoding of several sequences at once, against one: each case in turn, several rounds, medians and ratios as Markdown.

  rows.py --kvern build/release/bin/kvern --model DIR [--caches dynamic,paged,batching] [--rows 1,8] [--depths 512,4096]
          [--rounds 5] [--new 8] [--threads 1]

Contents of the sequences differ (`kvern bench --rows`). Times are the processor time of a step where there is one thread, which on
a shared machine varies less than wall time, else wall time. Ratios are medians over the rounds of the ratio within a round.
"""
import argparse
import json
import os
import statistics
import subprocess


def measure(args, cache, rows, depth):
    command = [args.kvern, "bench", "--model", args.model, "--threads", str(args.threads), "--prefill", "", "--depths", str(depth),
               "--rows", str(rows), "--new", str(args.new), "--caches", cache, "--set", f"cache_dtype={args.cache_dtype}",
               "--output", "json"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    step = report["results"][0]["decode"][0]
    return report["processor"], step["cpu_ms_per_token_median" if args.threads == 1 else "ms_per_token_median"]


def numbers(text):
    return [int(part) for part in text.split(",")]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kvern", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--caches", default="dynamic,paged,batching")
    parser.add_argument("--rows", type=numbers, default=[1, 8])
    parser.add_argument("--depths", type=numbers, default=[512, 4096])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--new", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache-dtype", default="bfloat16")
    args = parser.parse_args()
    caches = args.caches.split(",")
    cases = [(depth, rows, cache) for depth in args.depths for rows in args.rows for cache in caches]
    times, processor, loads = {case: [] for case in cases}, "", []
    for _ in range(args.rounds):
        loads.append(os.getloadavg()[0])
        for depth, rows, cache in cases:
            processor, ms = measure(args, cache, rows, depth)
            times[depth, rows, cache].append(ms)

    def ratio(upper, lower, factor=1.0):
        return statistics.median(factor * u / l for u, l in zip(times[upper], times[lower]))

    print(f"{processor}, {args.threads} thread(s), {os.path.basename(args.model)}, cache {args.cache_dtype}, {args.rounds} rounds, "
          f"load {min(loads):.0f} to {max(loads):.0f}\n")
    print(f"| depth | rows | cache | ms a step, median (best) | tokens/s | time, against {caches[0]} | tokens/s, against {args.rows[0]} row |")
    print("|---|---|---|---|---|---|---|")
    for case in cases:
        depth, rows, cache = case
        middle = statistics.median(times[case])
        print(f"| {depth} | {rows} | `{cache}` | {middle:.1f} ({min(times[case]):.1f}) | {1e3 * rows / middle:.0f} | "
              f"{ratio(case, (depth, rows, caches[0])):.3f} | "
              f"{ratio((depth, args.rows[0], cache), case, rows / args.rows[0]):.2f} |")


if __name__ == "__main__":
    main()
