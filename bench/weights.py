#!/usr/bin/env python3
"""Decode steps with weights as stored, of 8 and of 4 bits, in turn, as Markdown.

  weights.py MODEL ... [--kvern build/release/bin/kvern] [--depths 0,512,4096,16384] [--rounds 3] [--threads 1] [--caches CACHE ...]

Each model is a folder with 16-bit weights; folders with 8 and 4 bits are made beside it (MODEL-8bit, MODEL-4bit) by kvern quantize if
they are not there. Milliseconds of wall time: of a decode step, and of the prefill of a whole prompt. Behind them in brackets the median over
the rounds of the ratio to the time of the stored weights within a round.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def run(*words):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout


def folders(a, model):
    found = {"as stored": model}
    for bits in (8, 4):
        folder = model.with_name(f"{model.name}-{bits}bit")
        if not folder.exists():
            run(a.kvern, "quantize", model, folder, "--bits", bits)
        found[f"{bits} bits"] = folder
    return found


def measure(a, folder, cache):
    report = json.loads(run(a.kvern, "bench", "--model", folder, "--threads", a.threads, "--prefill", a.prefill, "--depths",
                            ",".join(str(depth) for depth in a.depths), "--new", a.new, "--caches", cache, "--output", "json"))
    result = report["results"][0]
    times = {("decode", step["depth"]): step["ms_per_token_median"] for step in result["decode"]}
    times.update({("prefill", step["tokens"]): step["tokens"] * 1e3 / step["tokens_per_second_median"] for step in result.get("prefill", [])})
    return report["processor"], times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--depths", type=lambda text: [int(n) for n in text.split(",")], default=[0, 512, 4096, 16384])
    parser.add_argument("--prefill", default="", help="lengths of prompts, as 512,2048")
    parser.add_argument("--caches", nargs="+", default=["dynamic", "quantized{nbits = 4}"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--new", type=int, default=16)
    a = parser.parse_args()
    loads, processor = [], ""
    for model in a.models:
        found = {}
        for _ in range(a.rounds):
            loads.append(os.getloadavg()[0])
            for cache in a.caches:
                for weights, folder in folders(a, model).items():
                    processor, times = measure(a, folder, cache)
                    for what, value in times.items():
                        found.setdefault((cache, weights), {}).setdefault(what, []).append(value)
        print(f"{processor}, {a.threads} thread(s), {model.name}, {a.rounds} rounds, load {min(loads):.0f} to {max(loads):.0f}\n")
        columns = list(next(iter(found.values())))
        print("| cache | weights | " + " | ".join(f"{kind} {n} (ms)" for kind, n in columns) + " |")
        print("|---|---|" + "---|" * len(columns))
        for (cache, weights), values in found.items():
            cells = []
            for what in columns:
                base = found[cache, "as stored"][what]
                ratio = statistics.median(v / b for v, b in zip(values[what], base))
                cells.append(f"{statistics.median(values[what]):.1f} ({ratio:.2f})")
            print(f"| `{cache}` | {weights} | " + " | ".join(cells) + " |")
        print()


if __name__ == "__main__":
    main()
