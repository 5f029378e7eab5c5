#!/usr/bin/env python3
"""Writes tests/reference/quantized/gguf_errors.json: what Q8_0 and Q4_0 lose of the built-in model's matrices.

  gguf_errors.py        needs numpy and gguf

For each matrix [out, in] of models/demo the sum of squared differences between the weights and what the `gguf` package makes
of them by quantizing and dequantizing.
"""
import json, pathlib, struct
import numpy as np
import gguf

ROOT = pathlib.Path(__file__).parents[4]


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


def error(x, kind):
    kind = gguf.GGMLQuantizationType[kind]
    y = gguf.quants.dequantize(gguf.quants.quantize(x, kind), kind)
    return float(((x.astype(np.float64) - y) ** 2).sum())


if __name__ == "__main__":
    found = {name: {"q8_0": error(x, "Q8_0"), "q4_0": error(x, "Q4_0")}
             for name, x in sorted(matrices(ROOT / "models/demo/model.safetensors"))}
    text = ",\n".join(f" {json.dumps(name)}: {json.dumps(values)}" for name, values in found.items())
    (ROOT / "tests/reference/quantized/gguf_errors.json").write_text("{\n" + text + "\n}\n")
