#!/usr/bin/env python3
"""Writes tests/reference/quantized/gguf_errors.json: what Q8_0, Q4_0 and Q4_K lose of the built-in model's matrices.

  gguf_errors.py LIB        needs numpy and gguf; LIB: a libggml-base.so of llama.cpp, which alone quantizes to Q4_K

For each matrix [out, in] of models/demo the sum of squared differences between the weights and what the `gguf` package makes
of them by quantizing (Q4_K: the library) and dequantizing.
"""
import json, pathlib, struct, sys
import numpy as np

ROOT = pathlib.Path(__file__).parents[4]
sys.path.insert(0, str(ROOT / "bench"))
from weights_error import Q4K, gguf_error


def matrices(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__" or len(entry["shape"]) != 2:
            continue
        begin, end = entry["data_offsets"]
        raw = np.frombuffer(data[8 + size + begin : 8 + size + end], np.uint16)
        assert entry["dtype"] == "BF16"
        yield name, (raw.astype(np.uint32) << 16).view(np.float32).reshape(entry["shape"])


if __name__ == "__main__":
    q4k = Q4K(sys.argv[1])
    found = {name: {"q8_0": gguf_error(x, "Q8_0"), "q4_0": gguf_error(x, "Q4_0"), "q4_k": gguf_error(x, q4k)}
             for name, x in sorted(matrices(ROOT / "models/demo/model.safetensors"))}
    text = ",\n".join(f" {json.dumps(name)}: {json.dumps(values)}" for name, values in found.items())
    (ROOT / "tests/reference/quantized/gguf_errors.json").write_text("{\n" + text + "\n}\n")
