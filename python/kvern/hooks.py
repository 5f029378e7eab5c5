"""Where a forward pass of a model begins and ends.

With the hooks a pass that breaks, or that leaves layers out, is taken back at once, or, where torch does not call hooks
(KeyboardInterrupt), by the next call. Without them (a part of a model called by itself) passes are told apart by their layers.
"""
from __future__ import annotations

import threading
import weakref

import torch

from .errors import UnsupportedError

_watched = weakref.WeakSet()
_pass = threading.local()


def expect_attention(layer) -> None:
    """A layer's new keys are on their way from the cache to the attention function."""
    lost = expected_attention()
    if lost is not None:
        raise _lost_keys(lost)
    _pass.layer = layer


def expected_attention():
    """The layer whose keys are on their way, which they are no more after this; or None."""
    layer, _pass.layer = getattr(_pass, "layer", None), None
    return layer


def _lost_keys(layer) -> UnsupportedError:
    """Attention that was expected has not come: what ran in its place saw new keys alone."""
    return UnsupportedError(f"layer {layer}: the cache was to attend, but another attention than kvern's ran, on the new keys alone: call the model as a "
                            "whole, not its parts, or use kvern.use_attention(model, False)")


def watch(model) -> None:
    """Installs the hooks on a model and on the decoder in it, once."""
    for module in {model, getattr(model, "base_model", model)}:
        if module not in _watched:
            _watched.add(module)
            module.register_forward_pre_hook(_begin, with_kwargs=True)
            module.register_forward_hook(_end, with_kwargs=True, always_call=True)


def _cache_of(kwargs):
    from .cache import Cache
    cache = kwargs.get("past_key_values")
    cache = kwargs.get("cache") if cache is None else cache
    return cache if isinstance(cache, Cache) else None


def _begin(model, args, kwargs):
    _pass.layer = None
    cache = _cache_of(kwargs)
    if cache is None:
        return
    if torch.compiler.is_compiling():
        raise UnsupportedError("a kvern cache cannot be traced by torch.compile: call the model uncompiled")
    cache._pass_begins(model)


def _end(model, args, kwargs, output):
    cache = _cache_of(kwargs)
    if cache is None:
        return
    lost = expected_attention() if output is not None else None
    came = cache._steps.pass_ends(output is not None and lost is None)
    if lost is not None:
        raise _lost_keys(lost)
    if came is not None:
        raise UnsupportedError(f"the pass ended with {len(came)} of {cache._steps.n_layers} layers: a kvern cache serves passes over all "
                               "layers (no early exit, no skipped layers); use transformers' DynamicCache")
