#!/usr/bin/env python3
"""Everything that is to be known of a device, in one go: are its results the CPU's, and how close to its memory's speed does it come?

  run.py --device cuda [--out gpu-results] [--bin build/release/bin] [--models DIR] [--depths 0,4096,32768] [--prompt-tokens 2048]
  run.py --dry-run            the same on the emulated device, in small

In turn: the kernels beside the CPU's (kvern_device_bench), reference cases (kvern-reference), texts of the built-in model by every cache
that takes the device, beside those on the CPU, the models in DIR (config.json and model.safetensors: bench/random_weights.py writes
some) at the depths, and `offloaded` beside `dynamic`. OUT gets figures.jsonl, a line a figure, and report.md. A roof is computed: bytes that a
token must read over the measured speed of a copy. Exit code 1: something differs from the CPU; the rest is measured all the same.
"""
import argparse
import json
import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
CACHES = ["none", "dynamic", "static", "sliding_window{window_length = 32, force = true}", "sink{window_length = 32, num_sink_tokens = 2}",
          "paged", "batching", "hybrid", "offloaded", "offloaded_static"]
PROMPT = "Once upon a time there was a"


class Run:
    def __init__(self, a):
        self.a, self.figures, self.wrong = a, [], []
        a.out.mkdir(parents=True, exist_ok=True)
        self.file = open(a.out / "figures.jsonl", "w", encoding="utf-8")

    def note(self, step, **figure):
        self.figures.append({"step": step} | figure)
        self.file.write(json.dumps(self.figures[-1]) + "\n")
        self.file.flush()

    def of(self, step):
        return [f for f in self.figures if f["step"] == step]

    def copy_speed(self):
        """Of device memory, in GB/s; 0 where it was not measured."""
        return next((f["gb_per_s"] for f in self.of("kernel") if f["kernel"] == "copy"), 0.0)

    def fail(self, what):
        self.wrong.append(what)
        print(f"run.py: {what}", file=sys.stderr, flush=True)

    def call(self, program, *words):
        print("+", program, *words, flush=True)
        return subprocess.run([str(self.a.bin / program), *map(str, words)], capture_output=True, text=True, check=False)


def card(run):
    """What the driver says of the card, and whose processor feeds it."""
    try:
        query = ["nvidia-smi", "--query-gpu=name,driver_version,clocks.max.sm,clocks.max.mem,memory.total", "--format=csv,noheader"]
        name = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip() if run.a.device.startswith("cuda") else run.a.device
    except (OSError, subprocess.CalledProcessError):
        name = run.a.device
    run.note("card", name=name, machine=platform.platform())


def kernels(run):
    done = run.call("kvern_device_bench", run.a.device, *(["--tiny"] if run.a.dry_run else []))
    for line in done.stdout.splitlines():
        run.note("kernel", **json.loads(line))
    if done.returncode:
        run.fail(done.stderr.strip() or f"kvern_device_bench ended with {done.returncode}")


def references(run):
    for folder in run.a.reference:
        done = run.call("kvern-reference", folder, "--kind", "forward", "--device", run.a.device)
        last = (done.stdout.strip().splitlines() or [done.stderr.strip()])[-1]
        run.note("reference", folder=folder.name, result=last)
        if done.returncode:
            run.fail(f"{folder}: {last}")


def texts(run):
    for cache in CACHES:
        text = {}
        for device in ["cpu", run.a.device]:
            name, _, options = cache.partition("{")
            words = ["--device", device, "--cache", name, "--prompt", PROMPT, "--max-new-tokens", 2 if run.a.dry_run else 128, "--dtype", "float32"]
            for option in options.rstrip("}").split(", ") if options else []:
                words += ["--set", "cache_config." + option.replace(" ", "")]
            done = run.call("kvern", "generate", *words)
            text[device] = done.stdout if done.returncode == 0 else done.stderr.strip()
        same = text["cpu"] == text[run.a.device]
        run.note("text", cache=cache, same=same, **({} if same else {"cpu": text["cpu"], "device": text[run.a.device]}))
        if not same:
            run.fail(f"{cache}: the device's text is not the CPU's")


def read_bytes(folder, weight_bytes):
    """Of the weights, what a token reads: of a table of embeddings that is not the head too, one row."""
    config = json.loads((folder / "config.json").read_text())
    if config.get("tie_word_embeddings", False):
        return weight_bytes
    return weight_bytes - 2 * config.get("vocab_size", 0) * config.get("hidden_size", 0)


def decode(run, folder, cache):
    depths = "0,4" if run.a.dry_run else run.a.depths
    done = run.call("kvern", "bench", "--model", folder, "--device", run.a.device, "--caches", cache, "--fill", "prefill", "--depths", depths,
                    "--prefill", 4 if run.a.dry_run else run.a.prompt_tokens, "--repeats", 1, "--new", 1 if run.a.dry_run else 64,
                    "--cache-dtype", "bfloat16", "--output", "json")
    if done.returncode:
        run.fail(f"{folder.name}, {cache}: {done.stderr.strip()}")
        return
    result = json.loads(done.stdout)["results"][0]
    for step in result["decode"]:
        read = read_bytes(folder, result["weight_bytes"]) + step["cache_bytes_used"]
        roof = run.copy_speed() * 1e9 / read
        run.note("decode", model=folder.name, cache=cache, depth=step["depth"], ms=step["ms_per_token_median"],
                 tokens_per_s=step["tokens_per_second_median"], cache_bytes=step["cache_bytes_used"], roof_tokens_per_s=roof,
                 of_roof=step["tokens_per_second_median"] / roof if roof else 0.0)
    for prompt in result["prefill"]:
        run.note("prefill", model=folder.name, cache=cache, **prompt)


def models(run):
    folders = [ROOT / "models/demo"] if run.a.dry_run else sorted(p.parent for p in run.a.models.glob("*/config.json"))
    for folder in folders:
        for cache in ["dynamic"] if run.a.dry_run else ["dynamic", "paged", "offloaded"]:
            decode(run, folder, cache)


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|---" * len(head) + "|"] + ["| " + " | ".join(map(str, r)) + " |" for r in rows]) + "\n"


def report(run):
    copy = run.copy_speed()
    part = lambda f: f"{f['gb_per_s'] / copy:.0%}" if copy and f.get("gb_per_s") else ""
    lines = ["# kvern on a device\n", f"{run.of('card')[0]['name']}, {run.of('card')[0]['machine']}; `bench/gpu/run.py --device {run.a.device}`. A copy moves "
             f"{copy:.0f} GB/s (read and written).\n",
             table(["kernel", "shape", "us", "GB/s", "of a copy", "TFLOP/s", "error"],
                   [[f["kernel"], f["shape"], f["us"], f.get("gb_per_s", ""), part(f), f.get("tflops", ""), f.get("error", "")] for f in run.of("kernel")]),
             table(["reference cases", "result"], [[f["folder"], f["result"]] for f in run.of("reference")]),
             table(["cache", "the CPU's text"], [[f"`{f['cache']}`", "yes" if f["same"] else "no"] for f in run.of("text")]),
             table(["model", "cache", "depth", "ms a token", "tokens/s", "roof, computed", "of it"],
                   [[f["model"], f["cache"], f["depth"], f"{f['ms']:.3f}", f"{f['tokens_per_s']:.1f}", f"{f['roof_tokens_per_s']:.1f}", f"{f['of_roof']:.0%}"]
                    for f in run.of("decode")])]
    if run.wrong:
        lines.append("**Wrong:**\n\n" + "\n".join(f"- {what}" for what in run.wrong) + "\n")
    (run.a.out / "report.md").write_text("\n".join(lines), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("gpu-results"))
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / "build/release/bin")
    parser.add_argument("--models", type=pathlib.Path, default=pathlib.Path("models"))
    parser.add_argument("--reference", type=pathlib.Path, nargs="*", default=[ROOT / "tests/reference/recent"])
    parser.add_argument("--depths", default="0,4096,32768")
    parser.add_argument("--prompt-tokens", type=int, default=2048)
    parser.add_argument("--dry-run", action="store_true")
    a = parser.parse_args()
    if a.dry_run:
        a.device, a.reference = "emulated", []
    run = Run(a)
    for step in [card, kernels, references, texts, models, report]:
        step(run)
    print((a.out / "report.md").read_text(encoding="utf-8"))
    sys.exit(1 if run.wrong else 0)


if __name__ == "__main__":
    main()
