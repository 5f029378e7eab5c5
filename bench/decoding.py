#!/usr/bin/env python3
"""What ways of decoding cost: both sides of each ratio in turn within one run, medians over the rounds, as Markdown.

  decoding.py assisted --models DIR   a draft model, against greedy decoding; the same for --caches of your choice
  decoding.py lookup --models DIR     prompt lookup on a text that repeats itself, against greedy decoding
  decoding.py beams --model DIR       beams of 4 and 8 on a prompt of 2048: `paged`, `dynamic` and, with --transformers, transformers
  decoding.py sampling --model DIR    logits processors, as a share of a step (needs `kvern_processor_bench` beside kvern)

DIR of the first two is what draft_weights.py wrote. Times are processor time, one thread: that of a process that makes many tokens
less that of one which makes few, so that loading and prefill cancel out.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "sidebyside"))

import machine  # noqa: E402
from programs import Worker, run_timed  # noqa: E402

GREEDY = ["--set", "generation.do_sample=false", "--set", "generation.eos_token_id=[]"]


def run(command):
    """The report that it printed, and the processor time that it took."""
    text, seconds = run_timed(command)
    return json.loads(text), seconds


def generate(a, model, ids, new, options):
    return run([a.kvern, "generate", "--model", model, "--threads", 1, "--input-ids", ",".join(map(str, ids)), "--max-new-tokens", new,
                "--output", "json", *GREEDY, *options])


def ms_per_token(a, model, ids, options):
    """Of the tokens behind the first --few, and the longer run's report."""
    _, few = generate(a, model, ids, a.few, options)
    report, many = generate(a, model, ids, a.new, options)
    return 1e3 * (many - few) / (a.new - a.few), report


def header(loads, text):
    print(f"{machine.processor()}, 1 thread, processor time, {text}, load {min(loads):.0f} to {max(loads):.0f}\n")


def faster_than_greedy(a, model, ids, caches, options, what):
    """Greedy decoding against decoding with `options`, by cache; the tokens must be the same."""
    times, acceptance, loads = {}, {}, []
    for _ in range(a.rounds):
        loads.append(os.getloadavg()[0])
        for cache in caches:
            greedy, plain = ms_per_token(a, model, ids, ["--cache", cache])
            faster, report = ms_per_token(a, model, ids, ["--cache", cache, *options])
            if plain["output_ids"] != report["output_ids"]:
                raise SystemExit(f"{what} with {cache}: other tokens than greedy decoding")
            times.setdefault(cache, []).append((greedy, faster))
            acceptance[cache] = report["assisted"]["acceptance_rate"]
    header(loads, f"{a.rounds} rounds, {model.name}, prompt of {len(ids)}, {a.new} new tokens")
    print(f"| cache | greedy, ms a token | {what}, ms a token | candidates accepted | faster by |\n|---|---|---|---|---|")
    for cache, pairs in times.items():
        print(f"| `{cache}` | {statistics.median(g for g, _ in pairs):.1f} | {statistics.median(f for _, f in pairs):.1f} | "
              f"{100 * acceptance[cache]:.1f} % | {statistics.median(g / f for g, f in pairs):.2f} |")


def assisted(a):
    draft = ["--set", f"assistant_model={a.models / 'agreeing-draft-f32'}",
             "--set", f"generation.num_assistant_tokens={a.tokens or 5}"]
    faster_than_greedy(a, a.models / "agreeing-135m-f32", list(range(7, 7 + a.prompt)), a.caches, draft, "assisted")


def lookup(a):
    """The prompt is a text that the model has written itself, until it repeats."""
    model, start = a.models / "repeating-135m-f32", list(range(7, 23))
    report, _ = generate(a, model, start, a.prompt, ["--cache", "dynamic"])
    options = ["--set", f"generation.prompt_lookup_num_tokens={a.tokens or 7}"]
    faster_than_greedy(a, model, start + report["output_ids"], a.caches, options, "prompt lookup")


def beams(a):
    times, loads, ids = {}, [], [(7 + i) % 49152 for i in range(a.prompt)]
    peers = [Worker([python, HERE / "peers" / "transformers_worker.py", a.model, "float32"]) for python in a.transformers]
    for _ in range(a.rounds):
        loads.append(os.getloadavg()[0])
        for n in a.beams:
            for cache in a.caches:
                ms, _ = ms_per_token(a, a.model, ids, ["--cache", cache, "--set", f"generation.num_beams={n}"])
                times.setdefault((n, f"kvern `{cache}`"), []).append(ms)
            for peer in peers:
                steps = peer.ask("beams", "dynamic", 1, n, a.prompt, a.peer_new)["cpu_ms"]
                times.setdefault((n, peer.name), []).append(statistics.median(steps[1:]))
    header(loads, f"{a.rounds} rounds, {a.model.name}, prompt of {a.prompt}")
    print("| beams | program, cache | ms a step, median (best) | as fast as the other program, times |\n|---|---|---|---|")
    for (n, name), ms in times.items():
        ratios = [f"{statistics.median(p / m for p, m in zip(times[n, peer.name], ms)):.2f}" for peer in peers]
        print(f"| {n} | {name} | {statistics.median(ms):.1f} ({min(ms):.1f}) | {', '.join(ratios)} |")


SETS = [("top_k = 50, the default of sampling", {"top_k": 50}), ("top_p", {"top_k": 0, "top_p": 0.9}),
        ("repetition_penalty, temperature, top_k, top_p", {"repetition_penalty": 1.1, "temperature": 0.8, "top_k": 50, "top_p": 0.9})]


def sampling(a):
    config = json.loads((a.model / "config.json").read_text())
    program, shares, loads = pathlib.Path(a.kvern).parent / "kvern_processor_bench", {}, []
    for _ in range(a.rounds):
        loads.append(os.getloadavg()[0])
        bench, _ = run([a.kvern, "bench", "--model", a.model, "--threads", 1, "--prefill", "", "--depths", a.prompt, "--new", 8,
                        "--caches", "dynamic", "--set", "cache_dtype=bfloat16", "--output", "json"])
        step = bench["results"][0]["decode"][0]["cpu_ms_per_token_median"]
        for name, options in SETS:
            for length in (a.prompt, 16 * a.prompt):
                words = [f"{key}={value}" for key, value in options.items()]
                report, _ = run([program, config["vocab_size"], length, *words])
                shares.setdefault((name, length), []).append((report["ms"], step))
    header(loads, f"{a.rounds} rounds, {a.model.name}, vocabulary of {config['vocab_size']}")
    print("| processors | length of the text | ms | a step, ms | share |\n|---|---|---|---|---|")
    for (name, length), pairs in shares.items():
        ms, step = (statistics.median(p[i] for p in pairs) for i in (0, 1))
        print(f"| {name} | {length} | {ms:.2f} | {step:.1f} | {statistics.median(100 * m / s for m, s in pairs):.1f} % |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["assisted", "lookup", "beams", "sampling"])
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--model", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path)
    parser.add_argument("--caches", type=lambda text: text.split(","), help="default: dynamic; of beams paged,dynamic")
    parser.add_argument("--beams", type=lambda text: [int(n) for n in text.split(",")], default=[4, 8])
    parser.add_argument("--prompt", type=int, help="tokens; default 64, of lookup 600, of beams and sampling 2048")
    parser.add_argument("--tokens", type=int, help="candidates of a step")
    parser.add_argument("--new", type=int, default=104)
    parser.add_argument("--few", type=int, default=8)
    parser.add_argument("--peer-new", type=int, default=10, help="tokens of the other program's beams")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--transformers", nargs="*", default=[])
    a = parser.parse_args()
    a.prompt = a.prompt or {"assisted": 64, "lookup": 600}.get(a.what, 2048)
    a.caches = a.caches or (["paged", "dynamic"] if a.what == "beams" else ["dynamic"])
    {"assisted": assisted, "lookup": lookup, "beams": beams, "sampling": sampling}[a.what](a)


if __name__ == "__main__":
    main()
