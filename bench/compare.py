#!/usr/bin/env python3
"""kvern beside transformers, in turn (A B A B ...), the same model, depths and threads; prints medians and ratios.

  compare.py --model DIR --python PYTHON [--kvern build/release/bin/kvern] [--caches dynamic] [--peer-caches dynamic]
             [--depths 0,1024,4096,16384] [--prefill 512] [--dtype float32] [--threads 1] [--rounds 5] [--out FILE.md]

PYTHON is an interpreter with torch and transformers; without one the column stays empty and the output says so. A
figure is the median over the rounds of each round's median token; a ratio is that of transformers to kvern, so above 1
kvern is faster. --out writes the table with date and processor.
"""
import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed ({done.returncode}): {done.stderr.strip()[-800:]}")
    return json.loads(done.stdout)


def collect(report, figures):
    """Adds one round's figures under (cache, what, size)."""
    for result in report["results"]:
        cache = result["cache_implementation"]
        for d in result["decode"]:
            figures.setdefault((cache, "decode", d["depth"]), []).append(d["ms_per_token_median"])
        for p in result["prefill"]:
            figures.setdefault((cache, "prefill", p["tokens"]), []).append(p["tokens_per_second_best"])


def rows(ours, theirs, peer_cache):
    for (cache, what, size), values in sorted(ours.items()):
        mine = statistics.median(values)
        other = theirs.get((peer_cache, what, size))
        peer = statistics.median(other) if other else None
        ratio = None if peer is None else (peer / mine if what == "decode" else mine / peer)
        yield cache, what, size, mine, peer, ratio


def table(ours, theirs, peer_name, peer_caches):
    lines = [f"| kvern cache | | size | kvern | {peer_name} | with its cache | ratio |", "|---|---|---|---|---|---|---|"]
    for peer_cache in peer_caches:
        for cache, what, size, mine, peer, ratio in rows(ours, theirs, peer_cache):
            unit = "ms/token" if what == "decode" else "tokens/s"
            other = "not installed" if peer is None else f"{peer:.1f}"
            lines.append(f"| {cache} | {what} | {size} | {mine:.1f} {unit} | {other} | {peer_cache} | "
                         + ("" if ratio is None else f"{ratio:.2f}") + " |")
    return "\n".join(lines)


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--python", default="")
    parser.add_argument("--kvern", default="build/release/bin/kvern")
    for name, preset in (("caches", "dynamic"), ("peer-caches", "dynamic"), ("depths", "0,1024,4096,16384"), ("prefill", "512"),
                         ("dtype", "float32"), ("cache-dtype", ""), ("new", "8"), ("threads", "1"), ("out", "")):
        parser.add_argument("--" + name, default=preset)
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


def main():
    a = parse()
    common = ["--model", a.model, "--depths", a.depths, "--prefill", a.prefill, "--new", a.new, "--threads", a.threads,
              "--dtype", a.dtype]
    mine = [a.kvern, "bench", *common, "--caches", a.caches, "--repeats", "1", "--output", "json"]
    if a.cache_dtype:
        mine += ["--cache-dtype", a.cache_dtype]
    peer = [a.python, str(HERE / "transformers_decode.py"), *common, "--caches", a.peer_caches]
    ours, theirs, peer_name = {}, {}, "transformers"
    for _ in range(a.rounds):
        collect(run(mine), ours)
        if a.python:
            report = run(peer)
            peer_name = report["program"]
            collect(report, theirs)
    text = (f"{datetime.date.today()}, {processor()}, {a.threads} thread(s), {pathlib.Path(a.model).name}, {a.dtype}"
            + (f", cache {a.cache_dtype}" if a.cache_dtype else "")
            + f", medians of {a.rounds} rounds in turn, load {os.getloadavg()[0]:.1f}\n\n"
            + table(ours, theirs, peer_name, a.peer_caches.split(",")) + "\n")
    print(text)
    if a.out:
        pathlib.Path(a.out).write_text(text)


if __name__ == "__main__":
    main()
