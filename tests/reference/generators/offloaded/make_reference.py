"""Makes tests/reference/offloaded: cases of the kind cache_api for OffloadedCache and OffloadedStaticCache.

    python3 tests/reference/generators/offloaded/make_reference.py --out tests/reference/offloaded

transformers' classes need a GPU. They are not run here: what they return follows from the documented behaviour of transformers
4.47.1, which this script writes down (concatenation, rows chosen by reorder_cache when a layer is next used, a buffer of
max_cache_len slots). Python 3.9 or later, without packages.
"""
import argparse
import json
import pathlib
import random
import struct

HEADS, DIM, LAYERS, MAX_LEN = 2, 4, 4, 14


def zip_rows(*parts):
    """Tensors are lists [rows][heads][slots][dim]: the slots of the second behind those of the first."""
    return [[sum((head for head in heads), []) for heads in zip(*rows)] for rows in zip(*parts)]


class OffloadedCache:
    """Keys and values by layer. reorder_cache is carried out for each layer when it is back on the device."""

    def __init__(self):
        self.layers, self.delayed = {}, {}

    def update(self, layer, key, value, _positions):
        if layer in self.layers:
            beams = self.delayed.pop(layer, None)
            held = [[t[b] for b in beams] if beams else t for t in self.layers[layer]]
            self.layers[layer] = [zip_rows(held[0], key), zip_rows(held[1], value)]
        else:
            self.layers[layer] = [key, value]
        return self.layers[layer]

    def reorder_cache(self, beams):
        self.delayed = {layer: beams for layer in self.layers}

    def length(self, layer):
        return len(self.layers[layer][0][0][0]) if layer in self.layers else 0


class OffloadedStaticCache:
    """Buffers of MAX_LEN slots, written at cache_position; update returns the whole buffer."""

    def __init__(self, rows):
        zeros = lambda: [[[[0.0] * DIM for _ in range(MAX_LEN)] for _ in range(HEADS)] for _ in range(rows)]
        self.layers = {layer: [zeros(), zeros()] for layer in range(LAYERS)}
        self.written = dict.fromkeys(range(LAYERS), 0)

    def update(self, layer, key, value, positions):
        for buffer, new in zip(self.layers[layer], (key, value)):
            for row, heads in enumerate(new):
                for head, slots in enumerate(heads):
                    for at, slot in zip(positions, slots):
                        buffer[row][head][at] = slot
        self.written[layer] = positions[-1] + 1
        return self.layers[layer]

    def reset(self):
        self.__init__(len(self.layers[0][0]))

    def length(self, layer):
        return self.written[layer]


class Recorder:
    def __init__(self, cache, seed, max_length=None):
        self.cache, self.random, self.max_length = cache, random.Random(seed), max_length
        self.steps, self.tensors, self.at = [], {}, 0

    def put(self, label, tensor):
        name = f"{len(self.steps):03d}.{label}"
        self.tensors[name] = json.loads(json.dumps(tensor))
        return name

    def states(self, rows, slots):
        number = lambda: struct.unpack("f", struct.pack("f", self.random.gauss(0, 1)))[0]
        return [[[[number() for _ in range(DIM)] for _ in range(slots)] for _ in range(HEADS)] for _ in range(rows)]

    def update(self, rows, slots):
        """One forward pass: all layers."""
        positions = list(range(self.at, self.at + slots))
        for layer in range(LAYERS):
            key, value = self.states(rows, slots), self.states(rows, slots)
            step = dict(op="update", layer=layer, key=self.put("key", key), value=self.put("value", value))
            if self.max_length:
                step["cache_position"] = positions
            out = self.cache.update(layer, key, value, positions)
            step["out_key"], step["out_value"] = self.put("out_key", out[0]), self.put("out_value", out[1])
            self.steps.append(step)
        self.at += slots
        self.steps.append(dict(op="lengths", max_cache_shape=self.max_length,
                               seq_length=[self.cache.length(layer) for layer in range(LAYERS)]))

    def call(self, method, *args):
        getattr(self.cache, method)(*args)
        self.steps.append(dict(op=method, args=list(args)))


def shape_of(tensor):
    return [len(tensor)] + shape_of(tensor[0]) if isinstance(tensor, list) else []


def flat(tensor):
    return [x for part in tensor for x in flat(part)] if isinstance(tensor, list) else [tensor]


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in sorted(tensors.items()):
        part = struct.pack(f"<{len(flat(tensor))}f", *flat(tensor))
        header[name] = dict(dtype="F32", shape=shape_of(tensor), data_offsets=[len(data), len(data) + len(part)])
        data += part
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def write_case(out, name, cache, recorder, note):
    folder = out / "cases" / "cache_api"
    folder.mkdir(parents=True, exist_ok=True)
    write_safetensors(folder / f"{name}.safetensors", recorder.tensors)
    entries = {key: shape_of(tensor) for key, tensor in sorted(recorder.tensors.items())}
    case = dict(schema=1, id=f"cache_api/{name}", kind="cache_api", call="cache operations in order", cache=cache,
                tolerance=dict(atol=0.0, rtol=0.0), steps=recorder.steps, notes=[note],
                tensors=dict(file=f"{name}.safetensors", entries=entries))
    (folder / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")
    return dict(id=case["id"], kind="cache_api", model=None, file=f"cases/cache_api/{name}.json")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    made = "Made from the documented behaviour of transformers 4.47.1, whose class needs a GPU. "
    offloaded = dict(type="OffloadedCache")
    cases = []

    recorder = Recorder(OffloadedCache(), 1)
    for slots in (5, 1, 3, 1):
        recorder.update(2, slots)
    cases.append(write_case(out, "offloaded_update", offloaded, recorder, made + "What DynamicCache returns."))

    recorder = Recorder(OffloadedCache(), 2)
    recorder.update(3, 5)
    for beams in ([1, 0, 0], [2, 2, 1], [0, 1, 2], [1, 1, 1], [2, 0, 1]):
        recorder.call("reorder_cache", beams)
        recorder.update(3, 1)
    cases.append(write_case(out, "offloaded_delayed_reorder", offloaded, recorder,
                            made + "The rows of a layer are chosen when it is next used, after the layers before it."))

    recorder = Recorder(OffloadedStaticCache(2), 3, MAX_LEN)
    for slots in (5, 1, 1, 3):
        recorder.update(2, slots)
    recorder.call("reset")
    recorder.at = 0
    recorder.update(2, 4)
    cases.append(write_case(out, "offloaded_static_update",
                            dict(type="OffloadedStaticCache", max_batch_size=2, max_cache_len=MAX_LEN), recorder,
                            made + "Every update returns the whole buffer, unfilled slots included (zeros)."))

    index = dict(schema=1, about="caches in host memory, made without transformers", versions={}, counts=dict(cache_api=3),
                 cases=cases)
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
