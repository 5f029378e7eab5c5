#!/usr/bin/env python3
"""Many prompts at once: kvern's continuous batches, kvern one after another, and transformers' static batches, in turn.

  prompts.py --kvern build/release/bin/kvern --model DIR [--transformers venv/bin/python] [--cache paged] [--prompts 64] [--batch 16]
             [--new 64] [--rounds 3] [--threads 1]

Prompts have 16 to 256 tokens; nothing ends early. Times are processor time where there is one thread, which on a shared machine varies
less than wall time, else wall time; prefill and decode are timed apart. Ratios are medians over the rounds of the ratio within a round.
"""
import argparse
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time

UNIT = {"one": "kvern, one after another", "batch": "kvern, continuous batch", "static": "transformers, static batches"}


def make_prompts(count, vocabulary):
    rng = random.Random(7)
    lengths = [16 + (240 * i) // (count - 1) for i in range(count)]
    rng.shuffle(lengths)
    return [[rng.randrange(100, vocabulary) for _ in range(n)] for n in lengths]


def run_kvern(args, file, batch):
    command = [args.kvern, "generate", "--model", args.model, "--prompts", file, "--max-batch", str(batch), "--cache", args.cache,
               "--threads", str(args.threads), "--max-new-tokens", str(args.new), "--eos-token-id", "[]", "--stats"]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(ran.stderr)
    made = {}
    for line in ran.stdout.splitlines():
        result = json.loads(line)
        made[result["line"] - 1] = result["output_ids"]
    figures = {}
    for part in ("prefill", "decode"):
        found = re.search(part + r"\s+(\d+) tokens in ([\d.]+) ms \(([\d.]+) ms of processor time\)", ran.stderr)
        figures[part] = int(found[1]) / (float(found[3 if args.threads == 1 else 2]) / 1e3)
    return figures, made


def static_batches(model_dir, file, batch, new, threads):
    """In the other Python: one JSON line with tokens/s of prefill and decode."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    old = int(transformers.__version__.split(".")[0]) < 5
    model = transformers.AutoModelForCausalLM.from_pretrained(model_dir, **{"torch_dtype" if old else "dtype": torch.float32}).eval()
    prompts = [json.loads(line)["input_ids"] for line in open(file)]
    clock = time.process_time if threads == 1 else time.perf_counter
    seconds, tokens, made = {"prefill": 0.0, "decode": 0.0}, {"prefill": 0, "decode": 0}, []
    with torch.inference_mode():
        for begin in range(0, len(prompts), batch):
            rows = prompts[begin:begin + batch]
            longest = max(map(len, rows))
            ids = torch.tensor([[0] * (longest - len(r)) + r for r in rows])
            mask = torch.tensor([[0] * (longest - len(r)) + [1] * len(r) for r in rows])
            position = mask.cumsum(1).sub(1).clamp(min=0)
            cache = transformers.DynamicCache()
            start = clock()
            out = model(input_ids=ids, attention_mask=mask, position_ids=position, past_key_values=cache, use_cache=True,
                        **({"num_logits_to_keep": 1} if old else {"logits_to_keep": 1}))
            next_ids = out.logits[:, -1].argmax(-1, keepdim=True)
            seconds["prefill"] += clock() - start
            tokens["prefill"] += sum(map(len, rows))
            texts, position = [next_ids], position[:, -1:]
            start = clock()
            for _ in range(new - 1):
                mask = torch.cat([mask, torch.ones(len(rows), 1, dtype=mask.dtype)], 1)
                position = position + 1
                out = model(input_ids=next_ids, attention_mask=mask, position_ids=position, past_key_values=cache, use_cache=True)
                next_ids = out.logits[:, -1].argmax(-1, keepdim=True)
                texts.append(next_ids)
            seconds["decode"] += clock() - start
            tokens["decode"] += len(rows) * (new - 1)
            made += torch.cat(texts, 1).tolist()
    print(json.dumps({"figures": {p: tokens[p] / seconds[p] for p in seconds}, "ids": made, "version": transformers.__version__}))


def run_static(args, file):
    command = [args.transformers, os.path.abspath(__file__), "--static", args.model, file, str(args.batch), str(args.new),
               str(args.threads)]
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), MKL_NUM_THREADS=str(args.threads))
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.splitlines()[-1])
    return report["figures"], dict(enumerate(report["ids"])), report["version"]


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--static":
        return static_batches(sys.argv[2], sys.argv[3], *map(int, sys.argv[4:7]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--kvern", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--transformers", help="a Python that has it")
    parser.add_argument("--cache", default="paged")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--new", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    vocabulary = json.load(open(os.path.join(args.model, "config.json")))["vocab_size"]
    prompts = make_prompts(args.prompts, vocabulary)
    names = ["one", "batch"] + (["static"] if args.transformers else [])
    figures, loads, version, same = {name: [] for name in names}, [], "", {}
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        for ids in prompts:
            file.write(json.dumps({"input_ids": ids}) + "\n")
        file.flush()
        for _ in range(args.rounds):
            loads.append(os.getloadavg()[0])
            made = {}
            for name in names:
                if name == "static":
                    speed, made[name], version = run_static(args, file.name)
                else:
                    speed, made[name] = run_kvern(args, file.name, args.batch if name == "batch" else 1)
                figures[name].append(speed)
            for name in names[1:]:
                same[name] = sum(made[name][i] == made["one"][i] for i in range(args.prompts))
    clock = "processor time" if args.threads == 1 else "wall time"
    print(f"{processor()}, {args.threads} thread(s), {os.path.basename(args.model)}, cache {args.cache}, {args.prompts} prompts of 16 to 256 "
          f"tokens, {args.new} new, batch {args.batch}, {args.rounds} rounds, load {min(loads):.0f} to {max(loads):.0f}, {clock}"
          + (f", transformers {version}" if version else "") + "\n")
    print("| | prefill, tokens/s | decode, tokens/s | the batch's decode against it | texts as one after another |")
    print("|---|---|---|---|---|")
    for name in names:
        prefill, decode = (statistics.median(f[p] for f in figures[name]) for p in ("prefill", "decode"))
        ratio = statistics.median(b["decode"] / f["decode"] for b, f in zip(figures["batch"], figures[name]))
        print(f"| {UNIT[name]} | {prefill:.0f} | {decode:.1f} | {ratio:.2f} | {same.get(name, args.prompts)} of {args.prompts} |")


if __name__ == "__main__":
    main()
