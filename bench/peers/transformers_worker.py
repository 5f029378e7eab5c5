#!/usr/bin/env python3
"""Does in transformers (4.47 or 5) what compare.sh asks for on standard input, one request a line, one JSON line back:

  decode CACHE THREADS TOKENS SECONDS DEPTH,DEPTH  ->  {"decode": [{"depth": D, "steps_ms": [...]}, ...]}
  batch CACHE THREADS TOKENS ROWS DEPTH            ->  {"steps_ms": [...], "cpu_ms": [...]}
  prefill CACHE THREADS LENGTH                     ->  {"seconds": S}
  generate CACHE THREADS PROMPT NEW                ->  {"seconds": S}
  beams CACHE THREADS BEAMS PROMPT NEW             ->  {"steps_ms": [...], "cpu_ms": [...]}, reordering included

  transformers_worker.py MODEL_DIR float32|bfloat16

CACHE: dynamic, static, quanto4 (where optimum-quanto is installed), none (generate only). Caches are filled with random
keys and values of unit scale. Weights are copied into memory of their own, as in a process that has run for a while.
"""
import inspect
import os
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
import torch  # noqa: E402
import transformers  # noqa: E402

from answering import answer_requests  # noqa: E402

WARM_UP, LEAST = 2, 2
SLOW = 0.4  # seconds; steps of a cache that is so slow are warmed up once and counted once
OLD = int(transformers.__version__.split(".")[0]) < 5


def load(folder, dtype):
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    name = "torch_dtype" if OLD else "dtype"
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, **{name: dtype}).eval()
    copies = {}
    for parameter in model.parameters():
        key = parameter.data_ptr()
        if key not in copies:
            copies[key] = parameter.data.clone()
        parameter.data = copies[key]
    return model


class Stamps(transformers.LogitsProcessor):
    """Notes when each step's scores are there; changes nothing."""

    def __init__(self):
        self.wall, self.cpu = [], []

    def __call__(self, ids, scores):
        self.wall.append(time.perf_counter() * 1e3)
        self.cpu.append(time.process_time() * 1e3)
        return scores


def differences(stamps):
    return [after - before for before, after in zip(stamps, stamps[1:])]


class Worker:
    def __init__(self, folder, dtype):
        self.dtype = getattr(torch, dtype)
        self.model = load(folder, self.dtype)
        self.config = c = self.model.config
        self.heads = getattr(c, "num_key_value_heads", None) or c.num_attention_heads
        self.dim = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
        self.takes = inspect.signature(self.model.forward).parameters
        self.takes_tuples = OLD and c.model_type == "gpt2"  # knows no cache objects
        torch.manual_seed(0)

    def new_cache(self, kind, length, rows=1):
        if kind == "dynamic":
            if self.takes_tuples:
                return None
            return transformers.DynamicCache() if OLD else transformers.DynamicCache(config=self.config)
        if self.takes_tuples:
            raise ValueError("GPT-2 of this transformers takes no cache objects")
        if kind == "static" and OLD:
            return transformers.StaticCache(config=self.config, max_batch_size=rows, max_cache_len=length,
                                            device="cpu", dtype=self.dtype)
        if kind == "static":
            return transformers.StaticCache(config=self.config, max_cache_len=length)
        if kind == "quanto4" and OLD:
            return transformers.QuantoQuantizedCache(transformers.QuantizedCacheConfig(
                nbits=4, axis_key=0, axis_value=0, compute_dtype=self.dtype, device="cpu"))
        if kind == "quanto4":
            return transformers.QuantizedCache("quanto", self.config, nbits=4)
        raise ValueError(f"no cache {kind}")

    def filled(self, kind, depth, length, rows=1):
        cache = self.new_cache(kind, length, rows)
        if not depth:
            return cache
        keys, values = (torch.randn(rows, self.heads, depth, self.dim).to(self.dtype) for _ in range(2))
        layers = range(self.config.num_hidden_layers)
        if self.takes_tuples:
            return tuple((keys.clone(), values.clone()) for _ in layers)
        for layer in layers:
            cache.update(keys.clone(), values.clone(), layer, {"cache_position": torch.arange(depth)})
        return cache

    def forward(self, ids, cache, position):
        positions = torch.arange(position, position + ids.shape[1])
        options = {"past_key_values": cache, "use_cache": True, "position_ids": positions.expand(ids.shape[0], -1)}
        if "cache_position" in self.takes:
            options["cache_position"] = positions
        for name in ("logits_to_keep", "num_logits_to_keep"):
            if name in self.takes:
                options[name] = 1
        return self.model(ids, **options).past_key_values

    def batch(self, kind, tokens, rows, depth):
        tokens, rows, depth = int(tokens), int(rows), int(depth)
        cache = self.filled(kind, depth, depth + tokens + WARM_UP, rows)
        wall, cpu = [], []
        for i in range(tokens + WARM_UP):
            ids = torch.arange(7 + i, 7 + i + rows)[:, None]
            start, cpu_start = time.perf_counter(), time.process_time()
            cache = self.forward(ids, cache, depth + i)
            wall.append((time.perf_counter() - start) * 1e3)
            cpu.append((time.process_time() - cpu_start) * 1e3)
        return {"steps_ms": wall[WARM_UP:], "cpu_ms": cpu[WARM_UP:]}

    def decode(self, kind, tokens, seconds, depths):
        return {"decode": [{"depth": d, "steps_ms": self.steps(kind, int(tokens), float(seconds), d)}
                           for d in map(int, depths.split(","))]}

    def steps(self, kind, tokens, limit, depth):
        cache = self.filled(kind, depth, depth + tokens + WARM_UP)
        times, begin, warm_up, least = [], time.perf_counter(), WARM_UP, LEAST
        while len(times) < tokens + warm_up:
            start = time.perf_counter()
            cache = self.forward(torch.tensor([[7 + len(times)]]), cache, depth + len(times))
            now = time.perf_counter()
            times.append((now - start) * 1e3)
            if now - start > SLOW:
                warm_up, least = 1, 1
            if len(times) >= warm_up + least and now - begin > limit:
                break
        return times[warm_up:]

    def prefill(self, kind, n):
        n = int(n)
        ids = torch.arange(n)[None] % self.config.vocab_size
        self.forward(ids[:, :64], self.new_cache(kind, n), 0)
        cache = self.new_cache(kind, n)
        start = time.perf_counter()
        self.forward(ids, cache, 0)
        return {"seconds": time.perf_counter() - start}

    def generate(self, kind, prompt, tokens):
        ids = torch.arange(7, 7 + int(prompt))[None]
        start = time.perf_counter()
        out = self.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, use_cache=kind != "none",
                                  min_new_tokens=int(tokens), max_new_tokens=int(tokens),
                                  pad_token_id=self.config.vocab_size - 1)
        assert out.shape[1] == int(prompt) + int(tokens)
        return {"seconds": time.perf_counter() - start}

    def beams(self, kind, beams, prompt, tokens):
        if kind != "dynamic":
            raise ValueError("beams are measured with the dynamic cache")
        ids, stamps = torch.arange(7, 7 + int(prompt))[None] % self.config.vocab_size, Stamps()
        self.model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=int(beams),
                            min_new_tokens=int(tokens), max_new_tokens=int(tokens), pad_token_id=self.config.vocab_size - 1,
                            logits_processor=transformers.LogitsProcessorList([stamps]))
        return {"steps_ms": differences(stamps.wall), "cpu_ms": differences(stamps.cpu)}

    def answer(self, line):
        what, kind, threads, *rest = line.split()
        torch.set_num_threads(int(threads))
        requests = {"decode": self.decode, "batch": self.batch, "prefill": self.prefill, "generate": self.generate, "beams": self.beams}
        return requests[what](kind, *rest)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    worker = Worker(sys.argv[1], sys.argv[2])
    with torch.inference_mode():
        answer_requests("transformers " + transformers.__version__, worker)


if __name__ == "__main__":
    main()
