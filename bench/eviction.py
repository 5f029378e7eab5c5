#!/usr/bin/env python3
"""What caches that drop tokens do to predictions: sinks, windows and eviction by attention at a half, a quarter and an eighth of the
text, beside a random choice. Writes bench/results/<date>-eviction.md.

usage: bench/eviction.py [--context N] [--windows N] [--model FOLDER --text-file FILE]

Every cache reads the same windows, 8 tokens at a time through the cache (kvern compare), so that nearly every token is predicted from
what was kept before it was known. The question after compression (kvern compare --recall): the last quarter of each window comes back
to a passage that the window has had, and only it is scored; when it comes the cache has been over its budget for long, and nothing told
it which tokens would be asked for. KVERN names the program (build/release/bin/kvern).
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


def compared(arguments, names, recall):
    program = os.environ.get("KVERN", str(HERE / "build/release/bin/kvern"))
    command = [program, "compare", "--context", str(arguments.context), "--windows", str(arguments.windows), "--threads", "1",
               "--recall", str(recall), "--text-file", arguments.text_file, "--output", "json"]
    if arguments.model:
        command += ["--model", arguments.model]
    for name in names:
        command += ["--cache", name]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout)


def row(share, name, text, question):
    def figures(cache):
        return f"{cache['kl']['value']:.4f} | {cache['top1_agreement']['value'] * 100:.2f}"
    return (f"| {share} | {name} | {text['bytes_per_token']:.0f} | {text['perplexity']['value']:.3f} | {figures(text)} | "
            f"{text['kl_by_quarter'][3]:.4f} | {question['perplexity']['value']:.3f} | {figures(question)} |")


def page(arguments, text, question, wanted):
    reference = text["reference"]
    yield f"# What caches that drop tokens do to predictions, {datetime.date.today()}\n"
    yield ("`bench/eviction.py`. Every cache reads the same windows 8 tokens at a time; KL divergence from `dynamic` in nats per token and "
           "agreement of the likeliest token (top-1), over all tokens (KL also over the last quarter of each window), and over a question after "
           f"compression: the last {question['recall']} tokens of each window repeat a passage from its first half, and they alone are scored. "
           "`window+random` is the control. Keys of a head: the share of the window, for `evicting` up to 15 more.\n")
    yield (f"{text['model']} on {arguments.text_file}: {text['windows']} windows of {text['context']} tokens, {text['scored_tokens']} scored, of the "
           f"question {question['scored_tokens']}; {text['processor']}, {text['threads']} thread.\n")
    yield ("| tokens kept, % | cache | bytes a token | perplexity | KL | top-1, % | KL, last quarter | question: perplexity | question: KL | "
           "question: top-1, % |")
    yield "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    yield (f"| 100 | dynamic | {reference['bytes_per_token']:.0f} | {reference['perplexity']['value']:.3f} | - | - | - | "
           f"{question['reference']['perplexity']['value']:.3f} | - | - |")
    for (share, name, _), of_text, of_question in zip(wanted, text["results"], question["results"]):
        yield row(share, name, of_text, of_question)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--windows", type=int, default=0, help="at most; 0 = all")
    parser.add_argument("--model")
    parser.add_argument("--text-file", default="bench/text/stories.txt")
    arguments = parser.parse_args()
    wanted = [(share, name, cache) for share, part in SHARES for name, cache in caches(arguments.context // part)]
    names = [cache for _, _, cache in wanted]
    text, question = (compared(arguments, names, recall) for recall in (0, arguments.context // 4))
    out = HERE / "bench/results" / f"{datetime.date.today()}-eviction.md"
    out.write_text("\n".join(page(arguments, text, question, wanted)) + "\n")
    print(out)


if __name__ == "__main__":
    main()
