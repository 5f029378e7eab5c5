#!/usr/bin/env python3
"""Does in OpenVINO what compare.sh asks for on standard input, one request a line, one JSON line back:

  decode CACHE THREADS TOKENS SECONDS DEPTH,DEPTH  ->  {"decode": [{"depth": D, "steps_ms": [...], "cache_bytes": B}, ...]}
  batch CACHE THREADS TOKENS ROWS DEPTH            ->  {"steps_ms": [...], "cpu_ms": [...]}
  prefill CACHE THREADS LENGTH                     ->  {"seconds": S}

  openvino_worker.py FOLDER float32|bfloat16

FOLDER is one of make_openvino.py's. CACHE: 16 (bits of keys and values), u8, u4. The model runs as in OpenVINO GenAI's own
pipeline: paged attention over blocks of a cache that all sequences share, logits of each sequence's last token alone. A depth is
reached with copies of a block that a real prompt has filled.
"""
import math
import pathlib
import sys
import time

import numpy as np
import openvino as ov
from openvino import opset13 as ops
from openvino._offline_transformations import paged_attention_transformation

from answering import answer_requests

BLOCK = 32  # tokens
WARM_UP, LEAST = 3, 2
CACHES = {"16": None, "u8": "u8", "u4": "u4"}
COMPUTED, HELD = {"float32": "f32", "bfloat16": "bf16"}, {"float32": "f16", "bfloat16": "bf16"}


def read(folder):
    model = ov.Core().read_model(folder / "openvino_model.xml")
    paged_attention_transformation(model)
    choose_tokens(model)
    return model


def choose_tokens(model):
    """Logits only of the tokens that an input names."""
    product = model.output("logits").node
    while product.get_type_name() != "MatMul":
        product = product.input_value(0).get_node()
    chosen = ops.parameter([-1], np.int64, name="chosen")
    chosen.output(0).set_names({"chosen"})
    few = ops.gather(product.input_value(0), chosen, ops.constant(0, np.int64))
    product.input(0).replace_source_output(few.output(0))
    model.add_parameters([chosen])
    model.validate_nodes_and_infer_types()


def blocks_for(tokens):
    return -(-tokens // BLOCK)


class Session:
    """So many sequences in a cache, each with blocks of its own for so many tokens."""

    def __init__(self, compiled, rows, tokens):
        self.request = compiled.create_infer_request()
        self.vocabulary = compiled.output("logits").partial_shape[2].get_length()
        self.blocks = blocks_for(tokens)
        self.lengths, self.next = [0] * rows, 0
        self.bytes = []
        for port in compiled.inputs:
            if port.any_name.startswith(("key_cache.", "value_cache.")):
                block = [d.get_length() for d in list(port.partial_shape)[1:]]
                self.bytes.append(np.zeros((rows * self.blocks, math.prod(block) * port.element_type.bitwidth // 8), np.uint8))
                self.request.set_tensor(port.any_name, ov.Tensor(self.bytes[-1], [rows * self.blocks, *block], port.element_type))

    def feed(self, rows, tokens):
        """So many tokens more of each of these sequences."""
        n = len(rows)
        past = [self.lengths[r] for r in rows]
        ids = (np.arange(n * tokens) + self.next) % (self.vocabulary - 1)
        used = [r * self.blocks + b for r in rows for b in range(blocks_for(self.lengths[r] + tokens))]
        begins = np.cumsum([0] + [blocks_for(p + tokens) for p in past])
        inputs = {"input_ids": ids, "position_ids": np.concatenate([np.arange(p, p + tokens) for p in past]),
                  "chosen": np.arange(1, n + 1) * tokens - 1}
        counts = {"past_lens": past, "subsequence_begins": np.arange(n + 1) * tokens, "block_indices": used,
                  "block_indices_begins": begins, "max_context_len": max(past) + tokens}
        for name, value in inputs.items():
            self.request.set_tensor(name, ov.Tensor(np.asarray(value, np.int64)))
        for name, value in counts.items():
            self.request.set_tensor(name, ov.Tensor(np.asarray(value, np.int32)))
        self.request.infer()
        self.next += n * tokens
        for r in rows:
            self.lengths[r] += tokens

    def fill(self, depth):
        """Every block becomes a copy of the first after a real prompt."""
        if depth:
            self.feed([0], BLOCK)
            for cache in self.bytes:
                cache[1:] = cache[0]
        self.lengths = [depth] * len(self.lengths)

    def cache_bytes(self, depth):
        """Of one sequence."""
        return sum(cache.shape[1] for cache in self.bytes) * blocks_for(depth)


class Worker:
    def __init__(self, folder, dtype):
        self.folder, self.dtype, self.compiled = folder, dtype, {}

    def session(self, cache, threads, rows, tokens):
        """The model is compiled once for a kind of cache and a number of threads."""
        if cache not in CACHES:
            raise ValueError(f"no cache {cache}")
        if (cache, threads) not in self.compiled:
            options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": COMPUTED[self.dtype],
                       "KV_CACHE_PRECISION": CACHES[cache] or HELD[self.dtype]}
            self.compiled[cache, threads] = ov.Core().compile_model(read(self.folder), "CPU", options)
            Session(self.compiled[cache, threads], 1, BLOCK).feed([0], BLOCK)  # weights are brought into their layout
        return Session(self.compiled[cache, threads], rows, tokens)

    def decode(self, cache, threads, tokens, seconds, depths):
        return {"decode": [self.steps(cache, threads, int(tokens), float(seconds), d) for d in map(int, depths.split(","))]}

    def steps(self, cache, threads, tokens, limit, depth):
        session = self.session(cache, threads, 1, max(depth, BLOCK) + WARM_UP + tokens)
        session.fill(depth)
        times, begin = [], time.perf_counter()
        for i in range(-WARM_UP, tokens):
            if i >= LEAST and time.perf_counter() - begin > limit:
                break
            start = time.perf_counter()
            session.feed([0], 1)
            times.append((time.perf_counter() - start) * 1e3)
        return {"depth": depth, "steps_ms": times[WARM_UP:], "cache_bytes": session.cache_bytes(depth)}

    def batch(self, cache, threads, tokens, rows, depth):
        tokens, rows, depth = int(tokens), int(rows), int(depth)
        session = self.session(cache, threads, rows, max(depth, BLOCK) + WARM_UP + tokens)
        session.fill(depth)
        wall, cpu = [], []
        for _ in range(WARM_UP + tokens):
            start, cpu_start = time.perf_counter(), time.process_time()
            session.feed(range(rows), 1)
            wall.append((time.perf_counter() - start) * 1e3)
            cpu.append((time.process_time() - cpu_start) * 1e3)
        return {"steps_ms": wall[WARM_UP:], "cpu_ms": cpu[WARM_UP:]}

    def prefill(self, cache, threads, n):
        n = int(n)
        session = self.session(cache, threads, 1, n)
        session.feed([0], min(n, 2 * BLOCK))
        session.lengths = [0]
        start = time.perf_counter()
        session.feed([0], n)
        return {"seconds": time.perf_counter() - start}

    def answer(self, line):
        what, cache, threads, *rest = line.split()
        requests = {"decode": self.decode, "batch": self.batch, "prefill": self.prefill}
        if what not in requests:
            raise ValueError(f"no request {what}")
        return requests[what](cache, int(threads), *rest)


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    worker = Worker(pathlib.Path(sys.argv[1]), sys.argv[2])
    answer_requests("OpenVINO " + ov.__version__.split("-")[0], worker)


if __name__ == "__main__":
    main()
