#!/usr/bin/env python3
"""Decoding of several sequences at once, against one: each case in turn, several rounds, medians and ratios as Markdown.

  rows.py --model DIR [--kvern build/release/bin/kvern] [--caches dynamic,paged,batching] [--rows 1,8] [--depths 512,4096]
          [--rounds 5] [--new 8] [--threads 1] [--llama-prefix llama] [--transformers venv4/bin/python venv5/bin/python]

Contents of the sequences differ (`kvern bench --rows`). Times are the processor time of a step where there is one thread, which on
a shared machine varies less than wall time, else wall time. Ratios are medians over the rounds of the ratio within a round.

The other programs take part in the same rounds where they are given: llama.cpp (libllama under --llama-prefix, the model beside
DIR as gguf/NAME.gguf) with a 16-bit cache, with and without flash attention, its sequences in cells of their own; transformers with
its dynamic cache, which has the dtype of the weights. The last table compares the best of each.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "sidebyside"))

from programs import Worker, compile_llama_worker, gguf_of  # noqa: E402


def numbers(text):
    return [int(part) for part in text.split(",")]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--model", type=pathlib.Path, required=True)
    parser.add_argument("--caches", type=lambda text: text.split(","), default=["dynamic", "paged", "batching"])
    parser.add_argument("--rows", type=numbers, default=[1, 8])
    parser.add_argument("--depths", type=numbers, default=[512, 4096])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--new", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cache-dtype", default="bfloat16")
    parser.add_argument("--llama-prefix", type=pathlib.Path)
    parser.add_argument("--transformers", nargs="*", default=[])
    return parser.parse_args()


def time_of(args, report):
    """Milliseconds of a step: of the processor, or of the clock where several threads share the work."""
    steps = report["cpu_ms" if args.threads == 1 else "steps_ms"]
    return statistics.median(steps)


class Kvern:
    def __init__(self, args):
        self.args, self.processor = args, ""

    def measure(self, cache, rows, depth):
        a = self.args
        command = [a.kvern, "bench", "--model", a.model, "--threads", a.threads, "--prefill", "", "--depths", depth, "--rows", rows,
                   "--new", a.new, "--caches", cache, "--set", f"cache_dtype={a.cache_dtype}", "--output", "json"]
        report = json.loads(subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout)
        self.processor = report["processor"]
        step = report["results"][0]["decode"][0]
        return step["cpu_ms_per_token_median" if a.threads == 1 else "ms_per_token_median"]


class Peer:
    def __init__(self, args, command):
        self.args, self.worker = args, Worker(command)

    def measure(self, cache, rows, depth):
        return time_of(self.args, self.worker.ask("batch", cache, self.args.threads, self.args.new, rows, depth))


def programs(args, folder):
    """(name, program, caches)"""
    yield "kvern", Kvern(args), args.caches
    if args.llama_prefix:
        yield "llama.cpp", Peer(args, [compile_llama_worker(args.llama_prefix, folder), gguf_of(args.model)]), ["f16/f16/off", "f16/f16/on"]
    dtype = {"f32": "float32", "bf16": "bfloat16"}[args.model.name.split("-")[-1]]
    for python in args.transformers:
        peer = Peer(args, [python, HERE / "peers" / "transformers_worker.py", args.model, dtype])
        yield peer.worker.name, peer, ["dynamic"]


def measure(args, taking_part):
    times, loads = {}, []
    for number in range(args.rounds):
        loads.append(os.getloadavg()[0])
        for depth in args.depths:
            for rows in args.rows:
                for name, program, caches in taking_part if number % 2 == 0 else taking_part[::-1]:
                    for cache in caches:
                        times.setdefault((depth, rows, name, cache), []).append(program.measure(cache, rows, depth))
    return times, loads


def ratio(times, upper, lower, factor=1.0):
    return statistics.median(factor * u / l for u, l in zip(times[upper], times[lower]))


def table_of_caches(args, times):
    first = args.caches[0]
    yield (f"| depth | rows | program, cache | ms a step, median (best) | tokens/s | time, against `{first}` | "
           f"tokens/s, against {args.rows[0]} row |")
    yield "|---|---|---|---|---|---|---|"
    for case in sorted(times, key=lambda c: (c[0], c[1])):
        depth, rows, name, cache = case
        middle = statistics.median(times[case])
        yield (f"| {depth} | {rows} | {name} `{cache}` | {middle:.1f} ({min(times[case]):.1f}) | {1e3 * rows / middle:.0f} | "
               f"{ratio(times, case, (depth, rows, 'kvern', first)):.3f} | "
               f"{ratio(times, (depth, args.rows[0], name, cache), case, rows / args.rows[0]):.2f} |")


def table_of_peers(times, peers):
    def best(depth, rows, name):
        return min((c for c in times if c[:3] == (depth, rows, name)), key=lambda c: statistics.median(times[c]))
    yield "\n| depth | rows | kvern's best | other program's best | kvern is faster by |"
    yield "|---|---|---|---|---|"
    for depth, rows in sorted({case[:2] for case in times}):
        ours = best(depth, rows, "kvern")
        for name in peers:
            theirs = best(depth, rows, name)
            yield f"| {depth} | {rows} | `{ours[3]}` | {name} `{theirs[3]}` | {ratio(times, theirs, ours):.2f} |"


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        taking_part = list(programs(args, folder))
        times, loads = measure(args, taking_part)
    print(f"{taking_part[0][1].processor}, {args.threads} thread(s), {args.model.name}, kvern's cache {args.cache_dtype}, "
          f"{args.rounds} rounds, load {min(loads):.0f} to {max(loads):.0f}\n")
    print("\n".join(table_of_caches(args, times)))
    if len(taking_part) > 1:
        print("\n".join(table_of_peers(times, [name for name, _, _ in taking_part[1:]])))


if __name__ == "__main__":
    main()
