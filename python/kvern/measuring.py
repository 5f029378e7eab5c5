"""What caches cost and lose on one's own model: bytes, time of a token over depth, divergence from the full cache."""
from __future__ import annotations

import time

import torch

from .cache import Cache
from .errors import ConfigError, KvernError
from .layers import decoder_config, layers_of
from .native import list_plugins

COLUMNS = ("cache", "tokens", "bytes", "ms_per_token", "kl", "same_top")


class Measurements(list):
    """A list of dictionaries with the keys ``cache``, ``tokens`` (depth), ``bytes`` (used by the tokens held, else held), ``ms_per_token``
    (median), ``kl`` (mean divergence from the full cache, nats) and ``same_top`` (share of equal likeliest tokens)."""

    def to_frame(self):
        """A pandas DataFrame, one row for each cache and depth."""
        import pandas
        return pandas.DataFrame(list(self), columns=list(COLUMNS))

    def plot(self):
        """A matplotlib figure of three panels: megabytes, milliseconds of a token, and divergence, over depth."""
        from matplotlib.figure import Figure
        figure = Figure(figsize=(11, 3.2), layout="constrained")
        for axes, key, title, factor in zip(figure.subplots(1, 3), ("bytes", "ms_per_token", "kl"),
                                            ("memory (MB)", "time of a token (ms)", "KL divergence (nats)"), (1e-6, 1, 1)):
            for name in dict.fromkeys(row["cache"] for row in self):
                rows = [row for row in self if row["cache"] == name]
                axes.plot([row["tokens"] for row in rows], [row[key] * factor for row in rows], marker="o", label=name)
            axes.set_xlabel("tokens held")
            axes.set_title(title)
            axes.set_ylim(bottom=0)
        figure.axes[0].legend()
        return figure


def _opened(model, spec):
    if isinstance(spec, str):
        return spec, Cache(model, spec)
    name, options = spec
    text = ", ".join(f"{key} = {value}" for key, value in options.items())
    return f"{name}{{{text}}}", Cache(model, name, options)


def _bytes(cache):
    info = cache.info()
    return info["bytes_used"] if info["bytes_used"] >= 0 else info["bytes_device"] + info["bytes_host"]


def _run(model, ids, cache, begin, end):
    """Log-probabilities [new, V] of ids[begin:end], fed one by one, and the median time of one in seconds."""
    scores, times = [], []
    for i in range(begin, end):
        start = time.perf_counter()
        logits = model(ids[:, i:i + 1], past_key_values=cache, use_cache=True).logits
        times.append(time.perf_counter() - start)
        scores.append(logits[0, -1].float().log_softmax(-1))
    return torch.stack(scores), sorted(times)[len(times) // 2]


def measure(model, input_ids, caches=("dynamic", ("quantized", {"nbits": 4})), depths=(128, 512), new=16) -> Measurements:
    """Feeds a text to a model through several caches and measures each at several depths.

    Args:
        model: a transformers model on the CPU.
        input_ids: ``[1, T]``, or a list of T ids; at least ``max(depths) + new`` of them.
        caches: names, or pairs of a name and its options. The first depth of each is compared with a ``dynamic`` cache.
        depths: numbers of tokens held, ascending by ``new`` or more.
        new: tokens that are fed one by one, and timed, at each depth.
    """
    ids = torch.as_tensor(input_ids).reshape(1, -1)
    if ids.shape[1] < max(depths) + new:
        raise ConfigError(f"input_ids has {ids.shape[1]} ids; depths up to {max(depths)} and new = {new} need {max(depths) + new}")
    for less, more in zip(depths, list(depths)[1:]):
        if more < less + new:
            raise ConfigError(f"depths {less} and {more}: each begins where the one before has fed its new = {new} tokens, so they ascend by {new} or more")
    results = Measurements()
    with torch.inference_mode(False), torch.no_grad():
        full = _through(model, ids, Cache(model), depths, new)
        for spec in caches:
            name, cache = _opened(model, spec)
            for depth, (scores, seconds, size), (wanted, *_) in zip(depths, _through(model, ids, cache, depths, new), full):
                results.append({"cache": name, "tokens": depth, "bytes": size, "ms_per_token": seconds * 1e3,
                                "kl": (wanted.exp() * (wanted - scores)).sum(-1).mean().item(),
                                "same_top": (wanted.argmax(-1) == scores.argmax(-1)).float().mean().item()})
    return results


def _through(model, ids, cache, depths, new):
    """[(scores, seconds, bytes)] at each depth."""
    results, held = [], 0
    for depth in depths:
        if depth > held:
            model(ids[:, held:depth], past_key_values=cache, use_cache=True)
        held = depth + new
        scores, seconds = _run(model, ids, cache, depth, held)
        results.append((scores, seconds, _bytes(cache)))
    return results


def inspect(model, tokens=512) -> dict:
    """The layers of a model as a cache sees them, and what each installed cache needs for one row of ``tokens`` tokens, measured by
    filling it: ``{"model_type", "layers", "caches": [{"cache", "bytes_per_token"} or {"cache", "refused"}]}``."""
    layers = layers_of(model.config if hasattr(model, "config") else model)
    with torch.no_grad():
        caches = [_needs(model, plugin["name"], layers, tokens) for plugin in list_plugins()]
    return {"model_type": decoder_config(getattr(model, "config", model)).model_type, "layers": layers, "caches": caches}


def _needs(model, name, layers, tokens):
    try:
        cache = Cache(model, name, max_rows=1, max_tokens=tokens)
        pair = lambda layer: tuple(torch.randn(1, layer["kv_heads"], tokens, layer[dim]) for dim in ("head_dim_k", "head_dim_v"))
        cache.fill([pair(layer) if layer["kind"] != "none" else None for layer in layers])
        return {"cache": name, "bytes_per_token": _bytes(cache) / tokens}
    except KvernError as error:
        return {"cache": name, "refused": str(error)}
