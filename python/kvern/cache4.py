"""kvern.Cache as a cache of transformers 4.47: a DynamicCache, since generate() asks for that class before it crops."""
from __future__ import annotations

import torch
from transformers.cache_utils import DynamicCache

from .base import KvernCache
from .errors import UnsupportedError


class Cache4(KvernCache, DynamicCache):
    _crops_unannounced = True
    is_compileable = False

    def _start(self, n_layers):
        torch.nn.Module.__init__(self)

    def __len__(self):
        return len(self._steps.layers)

    def __iter__(self):
        return iter(self.to_legacy_cache())

    def __getitem__(self, layer_idx):
        return self.to_legacy_cache()[layer_idx]

    def update(self, key_states, value_states, layer_idx, cache_kwargs=None):
        """Stores new keys and values ``[B, Hkv, n_new, D]`` and returns all, ``[B, Hkv, kv_len, D]``, on the cache's own memory: they are
        valid until another layer updates."""
        keys, values = self._serve(key_states, value_states, layer_idx)
        held = self._steps.columns + self._steps.n_new
        if keys.shape[2] != held:
            self._steps.done.clear()
            raise UnsupportedError(f"the cache '{self.implementation}' has dropped tokens ({keys.shape[2]} of {held} are left), but transformers 4 "
                                   "masks as if all were there: use transformers 5, or a cache that keeps all tokens")
        return keys, values

    def get_max_cache_shape(self):
        """The largest number of tokens; None: no limit."""
        capacity = self._steps.native.info()["capacity"]
        return None if capacity < 0 else capacity

    def crop(self, max_length: int) -> None:
        """Keeps the first ``max_length`` tokens; a negative number removes as many from the end."""
        held = self.get_seq_length()
        self._steps.crop(-max_length if max_length < 0 else max(held - max_length, 0))

    @property
    def key_cache(self):
        raise UnsupportedError("a kvern cache has no tensors of keys to read or replace: use to_legacy_cache() (and not low_memory=True, which "
                               "puts batches together by those of DynamicCache)")

    value_cache = key_cache

    @property
    def _seen_tokens(self):
        return self.get_seq_length()
