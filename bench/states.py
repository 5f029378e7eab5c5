#!/usr/bin/env python3
"""Times models with recurrent states in kvern and in transformers, in turn, on one thread.

  states.py MODEL [MODEL ...] --build build/release --transformers venv5/bin/python [--rounds 5] [--threads 1]

Each round runs both programs, the order alternating: a prefill of 512 and greedy decode steps behind it (`--new` of them, two that
are not counted before). Prints for each figure the median of the rounds' medians and the best step of both, and how often faster
kvern is, as a Markdown table. Standard library only; the other program needs torch and transformers.
"""
import argparse, json, pathlib, statistics, subprocess

PROMPT = 512
PEER = """
import json, sys, time, torch, transformers
folder, threads, prompt, new = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
transformers.logging.set_verbosity_error()
torch.set_num_threads(threads)
model = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
ids = torch.arange(prompt).view(1, -1) % model.config.vocab_size
steps = []
with torch.inference_mode():
    model(ids[:, :64], use_cache=True)
    start = time.perf_counter()
    out = model(ids, use_cache=True, logits_to_keep=1) if "logits_to_keep" in model.forward.__code__.co_varnames else model(ids, use_cache=True)
    prefill = time.perf_counter() - start
    name = "cache_params" if getattr(out, "cache_params", None) is not None else "past_key_values"
    cache, token = getattr(out, name), out.logits[:, -1:].argmax(-1)
    for i in range(new + 2):
        start = time.perf_counter()
        more = {"cache_position": torch.tensor([prompt + i])} if "cache_position" in model.forward.__code__.co_varnames else {}
        out = model(token, use_cache=True, **{name: cache}, **more)
        token = out.logits[:, -1:].argmax(-1)
        steps.append(1000 * (time.perf_counter() - start))
print(json.dumps({"prefill": [1000 * prefill], "decode": steps[2:]}))
"""


def kvern(a, model):
    program = pathlib.Path(a.build) / "bin" / "kvern"
    text = subprocess.run([str(program), "bench", "--model", model, "--cache", "mamba", "--cache-dtype", "float32", "--threads",
                           str(a.threads), "--depths", str(PROMPT), "--fill", "prefill", "--prefill", str(PROMPT), "--new", str(a.new),
                           "--repeats", "1", "--output", "json"], check=True, capture_output=True, text=True).stdout
    result = json.loads(text)["results"][0]
    return {"prefill": [1000 * PROMPT / p["tokens_per_second_median"] for p in result["prefill"]],
            "decode": [t for d in result["decode"] for t in d["steps_ms"]]}


def peer(a, model):
    text = subprocess.run([a.transformers, "-c", PEER, model, str(a.threads), str(PROMPT), str(a.new)], check=True,
                          capture_output=True, text=True).stdout
    return json.loads(text.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--transformers", help="a Python with torch and transformers; without it kvern is timed alone")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--new", type=int, default=16)
    a = parser.parse_args()
    programs = {"kvern": kvern} | ({"transformers": peer} if a.transformers else {})
    print("| model | figure | program | median, ms | best, ms | kvern is faster by |\n|---|---|---|---|---|---|")
    for model in a.models:
        samples = {name: {"prefill": [], "decode": []} for name in programs}
        best = {name: {"prefill": [], "decode": []} for name in programs}
        for number in range(a.rounds):
            for name in list(programs) if number % 2 == 0 else list(programs)[::-1]:
                for figure, times in programs[name](a, model).items():
                    samples[name][figure].append(statistics.median(times))
                    best[name][figure].append(min(times))
        for figure, text in (("prefill", f"prefill of {PROMPT}"), ("decode", f"a token behind {PROMPT}")):
            ours = statistics.median(samples["kvern"][figure])
            for name in programs:
                median = statistics.median(samples[name][figure])
                faster = "" if name == "kvern" else f"{median / ours:.2f}"
                print(f"| {pathlib.Path(model).name} | {text} | {name} | {median:.1f} | {min(best[name][figure]):.1f} | {faster} |", flush=True)


if __name__ == "__main__":
    main()
