#!/usr/bin/env python3
"""What packed weights lose of a model's matrices, beside Q8_0, Q4_0 and Q4_K, as Markdown.

  weights_error.py MODEL [MODEL-8bit MODEL-4bit] ... [--ggml LIB]      needs numpy and gguf

Triples of folders: a model in f32, bf16 or f16, and what `kvern quantize MODEL OUT --bits N --head-bits N` made of it. Figures are squared
differences over the squares of the weights, of all matrices whose inputs are a multiple of 32 together, and the highest ratio of
kvern's squared error to the format's of equally many bits in any one matrix. The packed files are read here by the format's
description (kernels/weights/format.hpp), not by kvern. Q4_K, which takes rows of 256 inputs, is quantized by llama.cpp's own library
(--ggml: libggml-base.so), without an importance matrix.
"""
import argparse
import ctypes
import json
import pathlib
import struct

import gguf
import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "U8": np.uint8, "U16": np.uint16}


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
    codes, scales = file[name + ".codes"], file[name + ".scales"]
    panels, blocks, zeros = len(codes), inputs // 32, 0
    if name + ".levels" in file:
        levels = file[name + ".levels"].astype(np.float64)
        vectors = codes.reshape(panels, blocks, 4, 64)
        quads = np.stack([vectors & 15, vectors >> 4], 3).reshape(panels, blocks, 8, 16, 4)
        values, zeros = levels[:16][quads], levels[16]
    else:
        values = codes.reshape(panels, blocks, 8, 16, 4).view(np.int8).astype(np.float64)
    values = values.transpose(0, 3, 1, 2, 4).reshape(panels, 16, inputs)  # panel, row, inputs
    by_input = lambda groups: groups.transpose(0, 2, 1).repeat(inputs // scales.shape[1], 2)
    if scales.dtype == np.uint16:  # a scale, in units of 1 / 32, and a zero
        zeros, scales = by_input(scales & 63), (scales >> 6 << 5).view(np.float16).astype(np.float64) / 32
    values = by_input(scales.astype(np.float64)) * (values - zeros)
    return values.reshape(-1, inputs)[:rows]


def squared(difference):
    return float((difference.astype(np.float64) ** 2).sum())


class Q4K:
    """llama.cpp's quantizer, of the library ggml-base."""

    def __init__(self, path):
        self.quantize = ctypes.CDLL(str(path)).ggml_quantize_chunk
        self.quantize.restype = ctypes.c_size_t
        self.quantize.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, *[ctypes.c_int64] * 3, ctypes.c_void_p]

    def kept(self, x):
        kind, x = gguf.GGMLQuantizationType.Q4_K, np.ascontiguousarray(x, np.float32)
        to = np.empty((len(x), x.shape[1] // 256 * 144), np.uint8)
        assert self.quantize(kind, x.ctypes.data, to.ctypes.data, 0, len(x), x.shape[1], None) == to.nbytes
        return gguf.quants.dequantize(to, kind)


def gguf_kept(x, kind):
    """What a GGUF format, of this name or Q4K, keeps of a matrix."""
    if isinstance(kind, Q4K):
        return kind.kept(x)
    kind = gguf.GGMLQuantizationType[kind]
    return gguf.quants.dequantize(gguf.quants.quantize(x, kind), kind)


def gguf_error(x, kind):
    return squared(gguf_kept(x, kind) - x)


def cells_beside(ours, model, kind, total):
    """What a format loses of these matrices, and the highest ratio of ours to it."""
    theirs = {name: gguf_error(model[name].astype(np.float32), kind) for name in ours}
    return [f"{sum(theirs.values()) / total:.3g}", f"{max(ours[name] / theirs[name] for name in ours):.2f}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    parser.add_argument("--ggml", type=Q4K, help="libggml-base.so of llama.cpp, for Q4_K")
    options = parser.parse_args()
    print("| model | matrices | kvern, 8 bits | Q8_0 | highest ratio | kvern, 4 bits | Q4_0 | highest ratio | Q4_K | highest ratio |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for at in range(0, len(options.folders), 3):
        folder, eight, four = options.folders[at : at + 3]
        model, packed = tensors(folder), {8: tensors(eight), 4: tensors(four)}
        names = [name for name in model if name + ".codes" in packed[8]]
        total = sum(squared(model[name].astype(np.float32)) for name in names)
        cells = [folder.name, str(len(names))]
        for bits, kind in ((8, "Q8_0"), (4, "Q4_0")):
            ours = {name: squared(unpacked(name, packed[bits], model[name].shape) - model[name]) for name in names}
            cells += [f"{sum(ours.values()) / total:.3g}", *cells_beside(ours, model, kind, total)]
        has_q4k = options.ggml and all(model[name].shape[1] % 256 == 0 for name in names)
        cells += cells_beside(ours, model, options.ggml, total) if has_q4k else ["", ""]
        print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
