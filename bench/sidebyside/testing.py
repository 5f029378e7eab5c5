"""Made-up measurements for the tests of this folder: their medians, lines and ratios are known."""
import json
import struct


def decode(program, cache, depth, steps, cache_bytes=0, threads=1, number=0):
    return {"part": "decode", "program": program, "cache": cache, "threads": threads, "round": number, "depth": depth,
            "steps_ms": steps, "cache_bytes": cache_bytes}


def small_run():
    """A model of 1 GB with 1000 numbers per position, on memory of 100 GB/s: the bound of an empty cache is 10 ms."""
    records = [{"part": "machine", "date": "2026-01-02", "processor": "Mill", "instruction_sets": ["avx2"], "processors": 2,
                "load": 0.5},
               {"part": "shape", "model": "small", "dtype": "float32", "weight_bytes": 1.2e9, "read_bytes": 1e9,
                "numbers_per_position": 1000},
               {"part": "bandwidth", "threads": 1, "streams": 4, "round": 0, "best": 110e9, "median": 100e9},
               {"part": "bandwidth", "threads": 1, "streams": 8, "round": 0, "best": 85e9, "median": 80e9}]
    for depth in (0, 1000, 2000):
        for number in range(3):
            extra = depth / 1000
            records.append(decode("kvern", "dynamic bfloat16", depth, [20 + extra, 20 + extra, 90], 2000 * depth, number=number))
            records.append(decode("kvern", "quantized 4 bits", depth, [20 + extra / 4], 600 * depth, number=number))
            records.append(decode("llama.cpp", "f16", depth, [30 + 3 * extra], number=number))
            records.append(decode("llama.cpp", "q4_0, flash attention", depth, [29 + 10 * extra], number=number))
            records.append(decode("transformers 5.0", "static", depth, [40 + 4 * extra], number=number))
    return records


def batch(program, cache, sequences, steps, threads=1):
    return {"part": "batch", "program": program, "cache": cache, "threads": threads, "sequences": sequences, "depth": 512,
            "steps_ms": steps}


def prefill(program, cache, tokens, seconds, threads=1):
    return {"part": "prefill", "program": program, "cache": cache, "threads": threads, "tokens": tokens, "seconds": seconds}


def write_model(folder, config, tensors):
    """A folder with config.json and a file of weights whose tensors {name: (dtype, shape)} hold nothing."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    header = {name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for name, (dtype, shape) in tensors.items()}
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
