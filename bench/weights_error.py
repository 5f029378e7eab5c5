#!/usr/bin/env python3
"""What packed weights lose of a model's matrices, beside Q8_0 and Q4_0 of the `gguf` package, as Markdown.

  weights_error.py MODEL [MODEL-8bit MODEL-4bit] ...      needs numpy and gguf

Triples of folders: a model in f32, bf16 or f16, and what `kvern quantize MODEL OUT --bits N --head-bits N` made of it. Figures are squared
differences over the squares of the weights, of all matrices whose inputs are a multiple of 32 together, and the highest ratio of
kvern's squared error to the format's of equally many bits in any one matrix. The packed files are read here by the format's
description (kernels/weights/format.hpp), not by kvern.
"""
import argparse
import json
import pathlib
import struct

import gguf
import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "U8": np.uint8}


def tensors(folder):
    found = {}
    for path in folder.glob("*.safetensors"):
        data = path.read_bytes()
        size = struct.unpack("<Q", data[:8])[0]
        for name, entry in json.loads(data[8 : 8 + size]).items():
            if name == "__metadata__" or entry["dtype"] not in DTYPES:
                continue
            begin, end = entry["data_offsets"]
            raw = np.frombuffer(data[8 + size + begin : 8 + size + end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
            found[name] = (raw.astype(np.uint32) << 16).view(np.float32) if entry["dtype"] == "BF16" else raw
    return found


def unpacked(name, file, shape):
    """A packed matrix [out, in] in float64."""
    rows, inputs = shape
    codes, scales = file[name + ".codes"], file[name + ".scales"].astype(np.float64)
    panels, blocks = len(codes), inputs // 32
    if name + ".levels" in file:
        levels = file[name + ".levels"].astype(np.float64)
        vectors = codes.reshape(panels, blocks, 4, 64)
        quads = np.stack([vectors & 15, vectors >> 4], 3).reshape(panels, blocks, 8, 16, 4)
        values = levels[:16][quads] - levels[16]
    else:
        values = codes.reshape(panels, blocks, 8, 16, 4).view(np.int8).astype(np.float64)
    values = values.transpose(0, 3, 1, 2, 4).reshape(panels, 16, inputs)  # panel, row, inputs
    group = inputs // scales.shape[1]
    values *= scales.transpose(0, 2, 1).repeat(group, 2)
    return values.reshape(-1, inputs)[:rows]


def squared(difference):
    return float((difference.astype(np.float64) ** 2).sum())


def gguf_kept(x, kind):
    """What a GGUF format keeps of a matrix."""
    kind = gguf.GGMLQuantizationType[kind]
    return gguf.quants.dequantize(gguf.quants.quantize(x, kind), kind)


def gguf_error(x, kind):
    return squared(gguf_kept(x, kind) - x)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    folders = parser.parse_args().folders
    print("| model | matrices | kvern, 8 bits | Q8_0 | highest ratio | kvern, 4 bits | Q4_0 | highest ratio |")
    print("|---|---|---|---|---|---|---|---|")
    for at in range(0, len(folders), 3):
        model, packed = tensors(folders[at]), {8: tensors(folders[at + 1]), 4: tensors(folders[at + 2])}
        names = [name for name in model if name + ".codes" in packed[8]]
        total = sum(squared(model[name].astype(np.float32)) for name in names)
        cells = [folders[at].name, str(len(names))]
        for bits, kind in ((8, "Q8_0"), (4, "Q4_0")):
            ours = [squared(unpacked(name, packed[bits], model[name].shape) - model[name]) for name in names]
            theirs = [gguf_error(model[name].astype(np.float32), kind) for name in names]
            cells += [f"{sum(ours) / total:.3g}", f"{sum(theirs) / total:.3g}", f"{max(o / t for o, t in zip(ours, theirs)):.2f}"]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
