#!/usr/bin/env python3
"""Time to the first token of the second turn of a conversation, by the length of the first one: with the cache that kvern chat keeps, and
with one that keeps nothing (every turn computed anew). Prints a table for bench/results.

usage: bench/chat.py --model FOLDER [--threads N] [--words 100,400,1600] [--repeats N] [--turns 200]

--turns N: besides, a conversation of so many turns with the cache `sink`, and the memory that it takes on the way.

A folder without a tokenizer (bench/make_models.py) reads and writes with that of the built-in model. KVERN names the program
(build/release/bin/kvern). Both sides run alternately, in processes of their own; figures are medians.
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
TEMPLATE = "{{ bos_token }}{% for m in messages %}<s>{{ m.content }}{% endfor %}<s>"
WORDS = "the mill turned all day and the wind was kind to it".split()


def with_tokenizer(model, folder):
    """The model's files, and the built-in model's tokenizer where it has none."""
    for source in (model, HERE / "models/demo"):
        for file in source.iterdir():
            wanted = source == model or file.name.startswith("tokenizer")
            if wanted and not (folder / file.name).exists():
                (folder / file.name).symlink_to(file.resolve())
    (folder / "bench.jinja").write_text(TEMPLATE)


def second_turn(folder, cache, words, threads):
    """Tokens computed, tokens reused, and milliseconds to the first token of the second turn."""
    program = os.environ.get("KVERN", str(HERE / "build/release/bin/kvern"))
    first = " ".join(WORDS[i % len(WORDS)] for i in range(words))
    done = subprocess.run(
        [program, "chat", "--model", str(folder), "--cache", cache, "--threads", str(threads), "--max-new-tokens", "4",
         "--chat-template", str(folder / "bench.jinja"), "--set", "generation.eos_token_id=[]", "--allow-beyond-context"],
        input=f"{first}\nAnd what came then?\n/stats\n", capture_output=True, text=True, check=True)
    computed, reused = re.findall(r"^answer +(\d+) tokens computed, (\d+) reused", done.stderr, re.M)[-1]
    return int(computed), int(reused), float(re.search(r"^time +([0-9.]+) ms to the first token", done.stderr, re.M)[1])


def long_conversation(folder, turns, threads):
    """Of a conversation with `sink`: turn, tokens and bytes of the cache, peak of resident memory, at some turns on the way."""
    program = os.environ.get("KVERN", str(HERE / "build/release/bin/kvern"))
    asked = sorted({turns // 20, turns // 4, turns // 2, turns})
    lines = "".join(f"Then {WORDS[i % len(WORDS)]} came, and what came of it?\n" + ("/stats\n" if i + 1 in asked else "")
                    for i in range(turns))
    done = subprocess.run(
        [program, "chat", "--model", str(folder), "--cache", "sink", "--threads", str(threads), "--max-new-tokens", "16",
         "--chat-template", str(folder / "bench.jinja"), "--set", "generation.eos_token_id=[]", "--allow-beyond-context"],
        input=lines, capture_output=True, text=True, check=True)
    caches = re.findall(r"^cache +sink, (\d+) tokens in (.+?), at most (.+)$", done.stderr, re.M)
    peaks = re.findall(r"^memory +peak (.+)$", done.stderr, re.M)
    return zip(asked, caches, peaks, strict=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--words", default="100,400,1600")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--turns", type=int, default=0)
    arguments = parser.parse_args()
    print("| words of the first turn | tokens reused | computed | ms to the first token | without a cache, ms |")
    print("|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        with_tokenizer(arguments.model, folder)
        for words in map(int, arguments.words.split(",")):
            kept, anew = [], []
            for _ in range(arguments.repeats):
                kept.append(second_turn(folder, "dynamic", words, arguments.threads))
                anew.append(second_turn(folder, "none", words, arguments.threads))
            computed, reused, _ = kept[0]
            times = [statistics.median(run[2] for run in runs) for runs in (kept, anew)]
            print(f"| {words} | {reused} | {computed} | {times[0]:.1f} | {times[1]:.1f} |", flush=True)
        if arguments.turns == 0:
            return
        print("\n| turn | tokens said so far | cache holds | at most | resident memory at most |\n|---:|---:|---|---|---|")
        for turn, (tokens, size, most), peak in long_conversation(folder, arguments.turns, arguments.threads):
            print(f"| {turn} | {tokens} | {size} | {most} | {peak} |")


if __name__ == "__main__":
    main()
