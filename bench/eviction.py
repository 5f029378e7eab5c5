#!/usr/bin/env python3
"""What caches that drop tokens do to predictions: sinks, windows and eviction by attention at a half, a quarter and an eighth of the
text, beside a random choice. Writes bench/results/<date>-eviction.md.

usage: bench/eviction.py [--context N] [--windows N] [--model FOLDER --text-file FILE]

Every cache reads the same windows, 8 tokens at a time through the cache (kvern compare), so that nearly every token is predicted from
what was kept before it was known. "last quarter" is the question that comes after compression: the last quarter of each window,
predicted from a cache that was over its budget long before. KVERN names the program (build/release/bin/kvern).
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent.parent
SHARES = ((50, 2), (25, 4), (12, 8))


def caches(budget):
    yield "sink", f"sink{{window_length = {budget}}}"
    yield "window", f"sliding_window{{window_length = {budget}, force = true}}"
    for policy in ("h2o", "snapkv", "tova", "window+random"):
        yield policy, f"evicting{{policy = '{policy}', budget_tokens = {budget}}}"


def compared(arguments, names):
    program = os.environ.get("KVERN", str(HERE / "build/release/bin/kvern"))
    command = [program, "compare", "--context", str(arguments.context), "--windows", str(arguments.windows), "--threads", "1",
               "--text-file", arguments.text_file, "--output", "json"]
    if arguments.model:
        command += ["--model", arguments.model]
    for name in names:
        command += ["--cache", name]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout)


def row(share, name, cache):
    quarters = cache["kl_by_quarter"]
    return (f"| {share} | {name} | {cache['bytes_per_token']:.0f} | {cache['perplexity']['value']:.3f} | {cache['kl']['value']:.4f} | "
            f"{quarters[3]:.4f} | {cache['top1_agreement']['value'] * 100:.2f} |")


def page(arguments, result, wanted):
    reference = result["reference"]
    yield f"# What caches that drop tokens do to predictions, {datetime.date.today()}\n"
    yield ("`bench/eviction.py`. Every cache reads the same windows 8 tokens at a time; KL divergence from `dynamic` in nats per token, over all "
           "tokens and over the last quarter of each window, which is predicted from a cache that was over its budget long before; agreement of the "
           "likeliest token. `window+random` is the control. Keys of a head: the share of the window, for `evicting` up to 15 more.\n")
    yield (f"{result['model']} on {arguments.text_file}: {result['windows']} windows of {result['context']} tokens, {result['scored_tokens']} scored; "
           f"{result['processor']}, {result['threads']} thread.\n")
    yield "| tokens kept, % | cache | bytes a token | perplexity | KL | KL, last quarter | top-1, % |"
    yield "|---:|---|---:|---:|---:|---:|---:|"
    yield f"| 100 | dynamic | {reference['bytes_per_token']:.0f} | {reference['perplexity']['value']:.3f} | - | - | - |"
    for (share, name, _), cache in zip(wanted, result["results"]):
        yield row(share, name, cache)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--windows", type=int, default=0, help="at most; 0 = all")
    parser.add_argument("--model")
    parser.add_argument("--text-file", default="bench/text/stories.txt")
    arguments = parser.parse_args()
    wanted = [(share, name, cache) for share, part in SHARES for name, cache in caches(arguments.context // part)]
    result = compared(arguments, [cache for _, _, cache in wanted])
    out = HERE / "bench/results" / f"{datetime.date.today()}-eviction.md"
    out.write_text("\n".join(page(arguments, result, wanted)) + "\n")
    print(out)


if __name__ == "__main__":
    main()
