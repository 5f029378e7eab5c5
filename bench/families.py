#!/usr/bin/env python3
"""Times models of any family in kvern, transformers and llama.cpp, in turn, on one thread: processor time, so that what else the
machine does counts as little as it can.

  families.py MODEL [MODEL ...] --build build/release --transformers venv5/bin/python [--llama-prefix llama] [--rounds 5]

Each round runs the programs one after the other, the order alternating: a prefill of 512 and greedy decode steps behind it (`--new`
of them, two that are not counted before). Prints for each figure the median of the rounds' medians and the best step, and how often
faster kvern is, as a Markdown table. Models with recurrent states run with the cache `mamba`, others with `dynamic`, in float32.
Where a model's file lies beside it as gguf/NAME.gguf (peers/make_gguf.py), llama.cpp runs too, keys and values in f32, with and
without flash attention. `--bound` adds what memory allows: the bytes of weights and cache that a step reads over the speed of
reading memory, measured in every round. Standard library only; the other programs need what peers/ says.
"""
import argparse
import json
import os
import pathlib
import statistics
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.dont_write_bytecode = True
sys.path.insert(0, str(HERE / "sidebyside"))

import machine  # noqa: E402
from programs import Worker, compile_llama_worker, gguf_of, run  # noqa: E402
from shapes import read_bytes  # noqa: E402

PROMPT = 512
PEER = """
import json, sys, time, torch, transformers
folder, threads, prompt, new = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
transformers.logging.set_verbosity_error()
torch.set_num_threads(threads)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
ids = torch.arange(prompt).view(1, -1) % model.config.vocab_size
takes = model.forward.__code__.co_varnames
last = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
steps = []
with torch.inference_mode():
    model(ids[:, :64], use_cache=True)
    start = time.process_time()
    out = model(ids, use_cache=True, **last)
    prefill = time.process_time() - start
    name = "cache_params" if getattr(out, "cache_params", None) is not None else "past_key_values"
    cache, token = getattr(out, name), out.logits[:, -1:].argmax(-1)
    for i in range(new + 2):
        start = time.process_time()
        more = {"cache_position": torch.tensor([prompt + i])} if "cache_position" in takes else {}
        out = model(token, use_cache=True, **{name: cache}, **more)
        token = out.logits[:, -1:].argmax(-1)
        steps.append(1000 * (time.process_time() - start))
print(json.dumps({"prefill": [1000 * prefill], "decode": steps[2:]}))
"""
STATES = ("mamba", "jamba", "bamba", "falcon_h1", "lfm2", "qwen3_next", "granitemoehybrid")


def kvern(a, model):
    kind = json.loads((model / "config.json").read_text())["model_type"]
    cache = "mamba" if kind in STATES else "dynamic"
    text = run([a.build / "bin/kvern", "bench", "--model", model, "--cache", cache, "--cache-dtype", "float32", "--threads", a.threads,
                "--depths", PROMPT, "--fill", "prefill", "--prefill", PROMPT, "--new", a.new, "--repeats", 1, "--output", "json"])
    result = json.loads(text)["results"][0]
    return {"prefill": [p["cpu_ms_median"] for p in result["prefill"]], "decode": [t for d in result["decode"] for t in d["cpu_ms"]],
            "cache": [d["cache_bytes_used"] for d in result["decode"]]}


def transformers(a, model):
    return json.loads(run([a.transformers, "-c", PEER, model, a.threads, PROMPT, a.new]).splitlines()[-1])


class Llama:
    """llama.cpp by peers/llama_worker.cpp."""

    def __init__(self, program, flash):
        self.program, self.flash = program, flash

    def __call__(self, a, model):
        if not gguf_of(model).exists():
            return {}
        worker = Worker([self.program, gguf_of(model)])
        cache = f"f32/f32/{self.flash}"
        prefill = worker.ask("prefill", cache, a.threads, PROMPT)
        steps = worker.ask("batch", cache, a.threads, a.new, 1, PROMPT)
        worker.stop()
        return {"prefill": [1000 * prefill["cpu_seconds"]], "decode": steps["cpu_ms"]}


def measure(a, model, programs):
    samples, speeds = {}, []
    for number in range(a.rounds):
        if a.bound:
            speeds.append(machine.fastest_read(json.loads(run([a.build / "bin/kvern_bandwidth"]))))
        for name in list(programs) if number % 2 == 0 else list(programs)[::-1]:
            for figure, times in programs[name](a, model).items():
                median, best = samples.setdefault((figure, name), ([], []))
                median.append(statistics.median(times))
                best.append(min(times))
    return samples, speeds


def print_figures(model, samples, speeds):
    for figure, text in (("prefill", f"prefill of {PROMPT}"), ("decode", f"a token behind {PROMPT}")):
        ours = statistics.median(samples[figure, "kvern"][0])
        for (of, name), (median, best) in samples.items():
            if of == figure:
                faster = "" if name == "kvern" else f"{statistics.median(median) / ours:.2f}"
                print(f"| {model.name} | {text} | {name} | {statistics.median(median):.1f} | {min(best):.1f} | {faster} |", flush=True)
        if figure == "decode" and speeds:
            speed = statistics.median(speeds)
            bytes_read = read_bytes(model) + statistics.median(samples["cache", "kvern"][0])
            least = 1e3 * bytes_read / speed
            print(f"| {model.name} | {bytes_read / 1e6:.0f} MB of weights and cache at {speed / 1e9:.1f} GB/s | bound | "
                  f"{least:.1f} | | {least / ours:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/release"))
    parser.add_argument("--transformers", help="a Python with torch and transformers")
    parser.add_argument("--llama-prefix", type=pathlib.Path, help="has include/llama.h and lib/libllama.so")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--new", type=int, default=16)
    parser.add_argument("--bound", action="store_true", help="what memory allows, beside")
    a = parser.parse_args()
    programs = {"kvern": kvern}
    if a.transformers:
        programs["transformers"] = transformers
    if a.llama_prefix:
        program = compile_llama_worker(a.llama_prefix, tempfile.mkdtemp())
        programs |= {"llama.cpp": Llama(program, "off"), "llama.cpp, flash attention": Llama(program, "on")}
    print(f"{machine.processor()}, {a.threads} thread(s), processor time, {a.rounds} rounds, load {os.getloadavg()[0]:.0f}\n")
    print("| model | figure | program | median, ms | best, ms | kvern is faster by |\n|---|---|---|---|---|---|")
    for model in a.models:
        print_figures(model, *measure(a, model, programs))


if __name__ == "__main__":
    main()
