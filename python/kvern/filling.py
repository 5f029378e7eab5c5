"""Keys and values that a cache is filled with, from another cache or as pairs of tensors."""
from __future__ import annotations

import torch

from .errors import ConfigError


def _of_layer(layer, index):
    """What a layer of a cache of transformers 5 holds; None: nothing."""
    keys, values = getattr(layer, "keys", None), getattr(layer, "values", None)
    if keys is None or values is None:
        return None
    held = int(layer.get_seq_length())
    if keys.shape[-2] < held:
        raise ConfigError(f"layer {index} has dropped tokens, or holds them in another form ({keys.shape[-2]} of {held} are left as keys): fill from a cache "
                          "that keeps all of them, as DynamicCache() without config=")
    return keys[..., :held, :], values[..., :held, :]  # a static one has room beyond them


def _given(past):
    if hasattr(past, "to_legacy_cache"):  # kvern's, and DynamicCache of transformers 4
        return past.to_legacy_cache()
    if hasattr(past, "layers"):
        return [_of_layer(layer, index) for index, layer in enumerate(past.layers)]
    if not isinstance(past, (list, tuple)):
        raise ConfigError(f"{type(past).__name__}: a cache is filled from a DynamicCache or from pairs of keys and values for each layer")
    return past


def _pair(pair):
    """Two tensors of four dimensions, or None."""
    two = None if pair is None else tuple(pair[:2])
    if not two or any(not isinstance(one, torch.Tensor) or one.ndim != 4 or one.numel() == 0 for one in two):
        return None
    return two


def pairs_of(past, layers) -> list:
    """One pair ``[B, H, T, D]`` for each of a cache's layers, None for a layer that has no keys; all of as many rows and tokens."""
    pairs = [_pair(pair) for pair in _given(past)]
    if not any(pairs):
        raise ConfigError("there are no keys to fill the cache with: what was given is empty")
    if len(pairs) != len(layers):
        raise ConfigError(f"{len(pairs)} layers of keys for a cache of {len(layers)}: they belong to another model")
    first = next(pair[0] for pair in pairs if pair)
    for index, (pair, layer) in enumerate(zip(pairs, layers)):
        if (pair is None) != (layer["kind"] == "none"):
            raise ConfigError(f"layer {index} {'has no keys' if pair is None else 'is given keys, of which it has none'}: a pair of keys and values is wanted for "
                              "each layer with attention")
        for tensor in pair or ():
            if (tensor.shape[0], tensor.shape[2]) != (first.shape[0], first.shape[2]):
                raise ConfigError(f"layer {index}: {tensor.shape[0]} rows of {tensor.shape[2]} tokens, but other layers have {first.shape[0]} of {first.shape[2]}: "
                                  "tokens were dropped, or the layers belong to different passes")
    return pairs
