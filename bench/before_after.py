#!/usr/bin/env python3
"""Times two builds of kvern in turn: is the newer one slower?

  before_after.py BEFORE AFTER --models MODEL [MODEL ...] [--rounds 5] [--threads 1]

BEFORE and AFTER are build folders (with bin/ and lib/ inside). Each round runs both, the order alternating: decode at the depths
0, 4096 and 16384 and a prefill of 512 with `dynamic` and with `quantized` of 4 bits, and the time from start to first token.
Prints for each figure the median of the rounds' medians of both and their ratio AFTER / BEFORE as a Markdown table. Standard
library only.
"""
import argparse, json, pathlib, statistics, subprocess, time

CACHES = {"dynamic": ["--cache", "dynamic"], "quantized, 4 bits": ["--cache", "quantized", "--set", "cache_config.nbits=4"]}


def run(build, arguments):
    program = pathlib.Path(build) / "bin" / "kvern"
    return subprocess.run([str(program), *arguments], check=True, capture_output=True, text=True).stdout


def bench(build, model, cache, threads):
    """Milliseconds by figure: decode per token at each depth, prefill of 512."""
    text = run(build, ["bench", "--model", model, *CACHES[cache], "--threads", str(threads), "--depths", "0,4096,16384",
                       "--prefill", "512", "--new", "16", "--repeats", "3", "--output", "json"])
    result = json.loads(text)
    measured = result["results"][0]
    figures = {f"decode at {d['depth']}": d["ms_per_token_median"] for d in measured["decode"]}
    figures |= {f"prefill of {p['tokens']}": 1000 * p["tokens"] / p["tokens_per_second_median"] for p in measured["prefill"]}
    return figures


def first_token(build, model, threads):
    start = time.perf_counter()
    run(build, ["generate", "--model", model, "--input-ids", "1,2,3", "--max-new-tokens", "1", "--threads", str(threads), "--output", "json"])
    return {"start to first token": (time.perf_counter() - start) * 1000}


def measure(builds, model, rounds, threads):
    samples = {}
    for number in range(rounds):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            for cache in CACHES:
                for figure, ms in bench(builds[side], model, cache, threads).items():
                    samples.setdefault((cache, figure), ([], []))[side].append(ms)
            for figure, ms in first_token(builds[side], model, threads).items():
                samples.setdefault(("dynamic", figure), ([], []))[side].append(ms)
    return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before"), parser.add_argument("after")
    parser.add_argument("--models", nargs="+", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    a = parser.parse_args()
    print("| model | cache | figure | before, ms | after, ms | after / before |\n|---|---|---|---|---|---|")
    for model in a.models:
        for (cache, figure), (before, after) in measure((a.before, a.after), model, a.rounds, a.threads).items():
            x, y = statistics.median(before), statistics.median(after)
            print(f"| {pathlib.Path(model).name} | {cache} | {figure} | {x:.2f} | {y:.2f} | {y / x:.3f} |", flush=True)


if __name__ == "__main__":
    main()
