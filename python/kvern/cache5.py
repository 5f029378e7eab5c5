"""kvern.Cache as a cache of transformers 5: layers that delegate to the whole."""
from __future__ import annotations

import weakref

from transformers.cache_utils import Cache as TransformersCache
from transformers.cache_utils import CacheLayerMixin

from . import hooks
from .base import KvernCache
from .errors import ConfigError


class KvernLayer(CacheLayerMixin):
    """What transformers asks of one layer; all of it is the whole cache's affair."""

    is_compileable = False
    is_croppable = True
    supports_early_init = False

    def __init__(self, owner, index):
        super().__init__()
        self.owner, self.index = weakref.proxy(owner), index  # no cycle: caches hold much memory
        self.is_initialized = True

    @property
    def is_sliding(self):
        return bool(self.owner._steps.layers[self.index].get("window"))

    def lazy_initialization(self, key_states, value_states):
        """Nothing: memory is taken by the first step."""

    def update(self, key_states, value_states, *args, **kwargs):
        return self.owner.update(key_states, value_states, self.index)

    def get_seq_length(self):
        return self.owner.get_seq_length()

    def get_mask_sizes(self, query_length):
        return self.owner._mask_sizes(query_length, self.index)

    def get_max_length(self):
        return self.owner.get_max_length()

    get_max_cache_shape = get_max_length


class Cache5(KvernCache, TransformersCache):
    _crops_unannounced = False

    def _start(self, n_layers):
        TransformersCache.__init__(self, layers=[KvernLayer(self, index) for index in range(n_layers)])

    def update(self, key_states, value_states, layer_idx, *args, **kwargs):
        """Stores new keys and values ``[B, Hkv, n_new, D]`` and returns all, ``[B, Hkv, kv_len, D]``, on the cache's own memory: they are
        valid until another layer updates. In a pass of a model with ``kvern.use_attention`` the new ones are returned, and attention
        stores them."""
        if not self._attends_now:
            return self._serve(key_states, value_states, layer_idx)
        key_states._kvern = (self, layer_idx)  # for the attention function, which is given no cache
        hooks.expect_attention(layer_idx)
        return key_states, value_states

    @property
    def _attends_now(self):
        """In a pass of a model that attends. Of another's, and of a part of a model called by itself, nothing is known: it gets all keys."""
        return self.attends and self._steps.in_pass

    def _mask_sizes(self, query_length, layer):
        if self._attends_now:  # no mask is made
            return self._steps.seq_length() + query_length, 0
        return self._steps.mask_sizes(query_length, layer)

    def get_max_length(self, layer_idx=None) -> int:
        """The largest number of tokens; -1: no limit."""
        return self._steps.native.info()["capacity"]

    def crop(self, tokens_to_remove: int) -> None:
        """Removes tokens from the end of each row; their number is negative, as for all caches of transformers 5."""
        if tokens_to_remove > 0:
            raise ConfigError(f"crop({tokens_to_remove}): transformers 5 wants the number of tokens to remove, negative: crop(-{tokens_to_remove})")
        self._steps.crop(-tokens_to_remove)

    def activate_past_recording(self) -> None:
        """Passes from now on may be taken back in part: steps are tentative where the cache can do that."""
        self._steps.settle()
        self._steps.recording = True
