"""Makes tests/reference/cache_classes: cases of the kind cache_api for EncoderDecoderCache, MambaCache, OffloadedCache with delayed
reordering and OffloadedStaticCache, recorded from the classes of transformers 4.47.1.

    python3 tests/reference/generators/cache_classes/make_reference.py --out tests/reference/cache_classes

Python 3.11, torch 2.11.0, transformers 4.47.1. Without a GPU the offloaded classes run with streams that do nothing: transfers
within host memory are done at once, so what they return is the same.
"""
import argparse
import contextlib
import pathlib
import sys
import types

import torch
from transformers import DynamicCache, EncoderDecoderCache, MambaCache, OffloadedCache, OffloadedStaticCache, StaticCache

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "decoders"))
from refgen.common import CaseWriter, dump_json, generator  # noqa: E402

HEADS, DIM, LAYERS, MAX_LEN = 2, 4, 4, 14


class IdleStream:
    def synchronize(self):
        pass


@contextlib.contextmanager
def streams_of_a_cpu():
    """What OffloadedCache asks of torch.cuda, and pinned memory that is not pinned."""
    if torch.cuda.is_available():
        yield
        return
    cuda, zeros = torch.cuda, torch.zeros
    kept = {name: getattr(cuda, name) for name in ("is_available", "Stream", "stream", "current_stream")}
    cuda.is_available, cuda.Stream, cuda.current_stream = (lambda: True), IdleStream, (lambda: IdleStream())
    cuda.stream = lambda stream: contextlib.nullcontext()
    torch.zeros = lambda *shape, pin_memory=False, **more: zeros(*shape, **more)
    try:
        yield
    finally:
        torch.zeros = zeros
        for name, value in kept.items():
            setattr(cuda, name, value)


class Recorder:
    """Performs operations on a cache and writes down arguments and outcomes."""

    def __init__(self, name, cache):
        self.cache, self.generator = cache, generator("cache_classes", name)
        self.steps, self.tensors, self.at = [], {}, 0

    def put(self, label, tensor):
        name = f"{len(self.steps):03d}.{label}"
        self.tensors[name] = tensor.detach().clone()
        return name

    def draw(self, *shape):
        return torch.randn(shape, generator=self.generator)

    def call(self, method, *args):
        getattr(self.cache, method)(*(torch.tensor(a) if isinstance(a, list) else a for a in args))
        self.steps.append(dict(op=method, args=list(args)))

    def update(self, cache, rows, slots, layer, op="update", positions=None):
        key, value = self.draw(rows, HEADS, slots, DIM), self.draw(rows, HEADS, slots, DIM)
        step = dict(op=op, layer=layer, key=self.put("key", key), value=self.put("value", value))
        more = None
        if positions is not None:
            step["cache_position"], more = positions.tolist(), dict(cache_position=positions)
        out_key, out_value = cache.update(key, value, layer, more)
        step["out_key"], step["out_value"] = self.put("out_key", out_key), self.put("out_value", out_value)
        self.steps.append(step)


# ---- caches in host memory -------------------------------------------------------------------------------------------


def forward(recorder, rows, slots, max_length=None):
    positions = torch.arange(recorder.at, recorder.at + slots) if max_length else None
    for layer in range(LAYERS):
        recorder.update(recorder.cache, rows, slots, layer, positions=positions)
    recorder.at += slots
    lengths = [int(recorder.cache.get_seq_length(layer)) for layer in range(LAYERS)]
    recorder.steps.append(dict(op="lengths", max_cache_shape=max_length, seq_length=lengths))


def offloaded_update():
    recorder = Recorder("offloaded_update", OffloadedCache())
    for slots in (5, 1, 3, 1):
        forward(recorder, 2, slots)
    return recorder, dict(type="OffloadedCache"), ["What DynamicCache returns."]


def offloaded_delayed_reorder():
    recorder = Recorder("offloaded_delayed_reorder", OffloadedCache())
    forward(recorder, 3, 5)
    for beams in ([1, 0, 0], [2, 2, 1], [0, 1, 2], [1, 1, 1], [2, 0, 1]):
        recorder.call("reorder_cache", beams)
        forward(recorder, 3, 1)
    return recorder, dict(type="OffloadedCache"), [
        "The rows of a layer are chosen when it is next used, after the layers before it."]


def small_config():
    return types.SimpleNamespace(num_hidden_layers=LAYERS, num_attention_heads=HEADS, num_key_value_heads=HEADS,
                                 hidden_size=HEADS * DIM, head_dim=DIM, max_position_embeddings=64)


def offloaded_static_update():
    cache = OffloadedStaticCache(small_config(), 2, MAX_LEN, "cpu")
    recorder = Recorder("offloaded_static_update", cache)
    for slots in (5, 1, 1, 3):
        forward(recorder, 2, slots, MAX_LEN)
    recorder.call("reset")
    recorder.at = 0
    forward(recorder, 2, 4, MAX_LEN)
    return recorder, dict(type="OffloadedStaticCache", max_batch_size=2, max_cache_len=MAX_LEN), [
        "Every update returns the whole buffer, unfilled slots included (zeros)."]


# ---- EncoderDecoderCache ---------------------------------------------------------------------------------------------


def decode(recorder, rows, slots, cross=0, positions=None):
    """One forward pass: the keys of the encoder come once."""
    recorder.steps.append(dict(op="forward", rows=rows, tokens=slots, encoder_tokens=cross))
    cache = recorder.cache
    for layer in range(LAYERS // 2):
        recorder.update(cache.self_attention_cache, rows, slots, layer, positions=positions)
        if cross > 0:
            recorder.update(cache.cross_attention_cache, rows, cross, layer, op="update_cross",
                            positions=None if positions is None else torch.arange(cross))
            cache.is_updated[layer] = True
    recorder.steps.append(dict(op="lengths", seq_length=int(cache.get_seq_length())))


def halves(recorder, cache=None, op="state", **more):
    """The keys and values of both halves."""
    cache, layers = cache or recorder.cache, []
    for layer in range(len(cache.self_attention_cache.key_cache)):
        entry = dict(key=recorder.put(f"key{layer}", cache.self_attention_cache.key_cache[layer]),
                     value=recorder.put(f"value{layer}", cache.self_attention_cache.value_cache[layer]),
                     cross_key=recorder.put(f"cross_key{layer}", cache.cross_attention_cache.key_cache[layer]),
                     cross_value=recorder.put(f"cross_value{layer}", cache.cross_attention_cache.value_cache[layer]))
        layers.append(entry)
    recorder.steps.append(dict(op=op, layers=layers, **more))


def filled_encoder_decoder(name, rows=3):
    recorder = Recorder(name, EncoderDecoderCache(DynamicCache(), DynamicCache()))
    decode(recorder, rows, 4, cross=7)
    for slots in (1, 2, 1):
        decode(recorder, rows, slots)
    return recorder


DYNAMIC_HALVES = dict(type="EncoderDecoderCache", self_attention="DynamicCache", cross_attention="DynamicCache")


def encoder_decoder_crop():
    recorder = filled_encoder_decoder("encoder_decoder_crop")
    for length in (100, 6, -2):
        recorder.call("crop", length)
        halves(recorder)
    decode(recorder, 3, 2)
    halves(recorder)
    return recorder, DYNAMIC_HALVES, ["crop shortens the decoder's half; the encoder's stays."]


def encoder_decoder_rows():
    recorder = filled_encoder_decoder("encoder_decoder_rows")
    recorder.call("reorder_cache", [2, 0, 0])
    halves(recorder)
    recorder.call("batch_repeat_interleave", 2)
    halves(recorder)
    recorder.call("batch_select_indices", [5, 0, 3, 1])
    halves(recorder)
    decode(recorder, 4, 1)
    halves(recorder)
    return recorder, DYNAMIC_HALVES, ["Reordering, repeating and selecting rows act on both halves."]


def encoder_decoder_split():
    recorder = filled_encoder_decoder("encoder_decoder_split")
    for size in (1, 2):
        parts = recorder.cache.batch_split(3, size)
        for number, part in enumerate(parts):
            halves(recorder, part, op="batch_split", args=[3, size], part=number)
        halves(recorder, EncoderDecoderCache.from_batch_splits(parts), op="from_batch_splits", args=[3, size])
    return recorder, DYNAMIC_HALVES, ["Splitting and joining act on both halves."]


def encoder_decoder_legacy():
    recorder = filled_encoder_decoder("encoder_decoder_legacy")
    again = EncoderDecoderCache.from_legacy_cache(recorder.cache.to_legacy_cache())
    halves(recorder, again, op="from_legacy_cache(to_legacy_cache())", seq_length_after=again.get_seq_length(),
           layout="tuple per layer of (key, value, encoder's key, encoder's value)")
    return recorder, DYNAMIC_HALVES, ["The legacy format to and fro keeps both halves."]


def encoder_decoder_static():
    config = small_config()
    config.num_hidden_layers = LAYERS // 2
    cache = EncoderDecoderCache(StaticCache(config, 2, MAX_LEN), StaticCache(config, 2, 6))
    recorder = Recorder("encoder_decoder_static", cache)
    for start, slots in ((0, 4), (4, 1), (5, 2)):
        decode(recorder, 2, slots, cross=6 if start == 0 else 0, positions=torch.arange(start, start + slots))
    recorder.call("reorder_cache", [1, 1])
    halves(recorder)
    recorder.call("reset")
    halves(recorder)
    decode(recorder, 2, 3, cross=5, positions=torch.arange(3))
    halves(recorder)
    return recorder, dict(type="EncoderDecoderCache", self_attention="StaticCache", cross_attention="StaticCache",
                          max_batch_size=2, max_cache_len=MAX_LEN, max_cross_len=6), [
        "Both halves return their whole buffers; what is behind the tokens is zero."]


# ---- MambaCache ------------------------------------------------------------------------------------------------------

MAMBA = dict(num_hidden_layers=2, intermediate_size=6, state_size=3, conv_kernel=4)


def recur(recorder, rows, tokens):
    """One forward pass of Mamba's slow path: a prompt fills the convolution's window, a token is appended to it."""
    recorder.steps.append(dict(op="forward", rows=rows, tokens=tokens))
    first, cache = recorder.at == 0, recorder.cache
    positions = torch.arange(MAMBA["conv_kernel"]) if first else torch.tensor([recorder.at])
    for layer in range(MAMBA["num_hidden_layers"]):
        new = recorder.draw(rows, MAMBA["intermediate_size"], len(positions))
        step = dict(op="update_conv_state", layer=layer, new=recorder.put("new", new),
                    cache_position=positions.tolist())
        step["out"] = recorder.put("out", cache.update_conv_state(layer, new, positions))
        recorder.steps.append(step)
        new = recorder.draw(rows, MAMBA["intermediate_size"], MAMBA["state_size"])
        step = dict(op="update_ssm_state", layer=layer, new=recorder.put("new", new))
        step["out"] = recorder.put("out", cache.update_ssm_state(layer, new))
        recorder.steps.append(step)
    recorder.at += tokens


def mamba_state(recorder):
    layers = [dict(conv=recorder.put(f"conv{layer}", recorder.cache.conv_states[layer]),
                   ssm=recorder.put(f"ssm{layer}", recorder.cache.ssm_states[layer]))
              for layer in range(MAMBA["num_hidden_layers"])]
    recorder.steps.append(dict(op="state", layers=layers))


def mamba_update():
    cache = MambaCache(types.SimpleNamespace(**MAMBA), max_batch_size=2, dtype=torch.float32)
    recorder = Recorder("mamba_update", cache)
    for prompt in (5, 2):
        recur(recorder, 2, prompt)
        mamba_state(recorder)
        for _ in range(6):
            recur(recorder, 2, 1)
        mamba_state(recorder)
        recorder.call("reset")
        recorder.at = 0
        mamba_state(recorder)
    return recorder, dict(type="MambaCache", config=MAMBA, max_batch_size=2), [
        "A prompt replaces the convolution's window, a token moves it by one; reset makes all states zero."]


CASES = (offloaded_update, offloaded_delayed_reorder, offloaded_static_update, encoder_decoder_crop,
         encoder_decoder_rows, encoder_decoder_split, encoder_decoder_legacy, encoder_decoder_static, mamba_update)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=pathlib.Path, required=True)
    out = parser.parse_args().out
    writer = CaseWriter(out)
    with torch.no_grad(), streams_of_a_cpu():
        for make in CASES:
            recorder, cache, notes = make()
            writer.write("cache_api", make.__name__,
                         dict(call="cache operations in order", cache=cache, tolerance=dict(atol=0.0, rtol=0.0),
                              steps=recorder.steps, notes=notes), recorder.tensors)
    dump_json(out / "index.json",
              dict(schema=1, about="cache classes, without a model", versions=dict(transformers="4.47.1", torch="2.11.0"),
                   counts=dict(cache_api=len(CASES)), cases=writer.index))


if __name__ == "__main__":
    main()
