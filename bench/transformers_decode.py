#!/usr/bin/env python3
"""The work of `kvern bench` in transformers: time per decoded token at given depths, and prefill. Prints JSON.

  transformers_decode.py --model DIR --caches dynamic,static --depths 0,1024 --prefill 512 --new 16 --threads 1 --dtype float32

The cache is filled with random keys and values of unit scale; two tokens are decoded that are not counted. Weights are
copied into memory of their own, as in a process that has run for a while.
"""
import argparse
import json
import resource
import statistics
import time

import torch
import transformers


def new_cache(kind, config, length, dtype):
    if kind == "dynamic":
        return transformers.DynamicCache()
    if kind == "static" and transformers.__version__.startswith("4."):
        return transformers.StaticCache(config=config, max_batch_size=1, max_cache_len=length, device="cpu", dtype=dtype)
    if kind == "static":
        return transformers.StaticCache(config=config, max_cache_len=length)
    raise SystemExit(f"no cache {kind} here")


def fill(cache, config, depth, dtype):
    heads = config.num_key_value_heads
    dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    keys, values = (torch.randn(1, heads, depth, dim).to(dtype) for _ in range(2))
    for layer in range(config.num_hidden_layers):
        cache.update(keys.clone(), values.clone(), layer, {"cache_position": torch.arange(depth)})


def decode(model, kind, depth, new, dtype):
    """Milliseconds of each counted token."""
    cache = new_cache(kind, model.config, depth + new + 3, dtype)
    if depth:
        fill(cache, model.config, depth, dtype)
    times = []
    for i in range(new + 2):
        position = torch.tensor([depth + i])
        start = time.perf_counter()
        model(torch.tensor([[7 + i]]), past_key_values=cache, cache_position=position, position_ids=position[None])
        times.append((time.perf_counter() - start) * 1e3)
    return times[2:]


def prefill(model, kind, n, dtype, last_only):
    cache = new_cache(kind, model.config, n, dtype)
    ids = torch.arange(n)[None] % model.config.vocab_size
    start = time.perf_counter()
    model(ids, past_key_values=cache, cache_position=torch.arange(n), **last_only)
    return n / (time.perf_counter() - start)


def main():
    parser = argparse.ArgumentParser()
    for name, preset in (("caches", "dynamic"), ("depths", "0,1024,4096"), ("prefill", ""), ("dtype", "float32")):
        parser.add_argument("--" + name, default=preset)
    parser.add_argument("--model", required=True)
    parser.add_argument("--new", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    dtype = getattr(torch, arguments.dtype)
    model = transformers.AutoModelForCausalLM.from_pretrained(arguments.model, torch_dtype=dtype).eval()
    for parameter in model.parameters():
        parameter.data = parameter.data.clone()
    old = transformers.__version__.startswith("4.47")
    last_only = {"num_logits_to_keep": 1} if old else {"logits_to_keep": 1}
    report = {"program": "transformers " + transformers.__version__, "results": []}
    with torch.inference_mode():
        for kind in arguments.caches.split(","):
            result = {"cache_implementation": kind, "decode": [], "prefill": []}
            for depth in [int(d) for d in arguments.depths.split(",") if d]:
                times = decode(model, kind, depth, arguments.new, dtype)
                result["decode"].append({"depth": depth, "ms_per_token_best": min(times),
                                         "ms_per_token_median": statistics.median(times)})
            for n in [int(n) for n in arguments.prefill.split(",") if n]:
                prefill(model, kind, n, dtype, last_only)
                speed = prefill(model, kind, n, dtype, last_only)
                result["prefill"].append({"tokens": n, "tokens_per_second_best": speed})
            report["results"].append(result)
    report["peak_resident_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(report))


if __name__ == "__main__":
    main()
