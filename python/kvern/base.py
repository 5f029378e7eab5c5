"""What caches for transformers 4 and 5 have in common."""
from __future__ import annotations

import torch

from . import filling, hooks
from .errors import ConfigError, UnsupportedError
from .layers import attends, layers_of
from .native import DTYPES, IMPORT, NativeCache
from .steps import Steps


def _name_of(dtype):
    if isinstance(dtype, str):
        return dtype
    for name, of_name in DTYPES.items():
        if dtype == of_name:
            return name
    raise ConfigError(f"dtype {dtype}: a cache holds float32, bfloat16 or float16; give dtype= one of these")


def _check_device(model):
    device = getattr(model, "device", None)
    if device is not None and device.type not in ("cpu", "meta"):
        raise UnsupportedError(f"the model is on {device}: kvern's caches are on the CPU; use model.to('cpu'), or transformers' caches")


class KvernCache:
    """The verbs of a cache, whatever the version of transformers. Tensors are ``[B, H, T, D]``.

    ``attends``: whether the model attends on the cache's own storage (``kvern.use_attention``); each pass sets it, by its model.
    """

    def _setup(self, model, run, file, dtype, max_rows, max_tokens):
        config = getattr(model, "config", model)
        _check_device(model)
        layers = layers_of(config)
        dtype = dtype or getattr(model, "dtype", None) or getattr(config, "torch_dtype", None) or torch.float32
        request = {"layers": layers, "dtype": _name_of(dtype), "max_rows": max_rows, "max_tokens": max_tokens}
        native = NativeCache.open(run, file, request)
        self._adopt(attends(config), native, layers, (run, file, request))
        if isinstance(model, torch.nn.Module):
            hooks.watch(model)

    @classmethod
    def _made_of(cls, attends, native, layers, made_by):
        cache = cls.__new__(cls)
        cache._adopt(attends, native, layers, made_by)
        return cache

    def _adopt(self, attends, native, layers, made_by):
        self._start(len(layers))  # transformers' own base class
        self.attends, self._made_by = attends, made_by
        self._steps = Steps(native, layers, try_tentative=self._crops_unannounced)

    @property
    def implementation(self) -> str:
        """The name of the cache plugin."""
        return self._steps.native.name

    @property
    def dtype(self) -> torch.dtype:
        """Of keys and values as they are held; a quantized cache says what it takes and gives."""
        return self._steps.native.dtype

    def __repr__(self):
        return f"kvern.Cache({self.implementation!r}, {len(self._steps.layers)} layers, {self.get_seq_length()} tokens)"

    # -- one pass (hooks.py)

    def _pass_begins(self, model):
        self.attends = attends(model.config)
        self._steps.pass_begins()

    # -- one layer of one pass

    def _serve(self, key_states, value_states, layer_idx):
        """All keys and values of a layer after the new ones."""
        steps = self._steps
        k, v = self._checked(key_states, value_states, layer_idx)
        keys, values = steps.update(layer_idx, k, v)
        return keys.to(key_states.dtype), values.to(value_states.dtype)

    def _checked(self, k, v, layer):
        """The new keys and values of a layer as the bridge takes them."""
        layers, dtype = self._steps.layers, self._steps.native.dtype
        if not 0 <= layer < len(layers) or layers[layer]["kind"] == "none":
            raise ConfigError(f"layer {layer}: the cache was made for a model of {len(layers)} layers, "
                              "of which this is none with keys: it belongs to another model")
        spec = layers[layer]
        wanted = (spec["kv_heads"], spec["head_dim_k"], spec["head_dim_v"])
        found = (k.shape[1], k.shape[3], v.shape[3])
        if found != wanted and spec["latent"] and self._steps.next is None and not self._steps.done:
            self._reopen(found)
        elif found != wanted:
            raise ConfigError("layer {}: keys of {} heads of {} (values of {}), but the cache was made for {} heads of {} ({}): it belongs to "
                              "another model".format(layer, *found, *wanted))
        if k.device.type != "cpu":
            raise UnsupportedError(f"keys on {k.device}: kvern's caches are on the CPU; use model.to('cpu'), or transformers' caches")
        if torch.is_grad_enabled() and (k.requires_grad or v.requires_grad):
            raise UnsupportedError("a kvern cache keeps no graph for autograd: call the model within torch.no_grad(), or train without a cache")
        return _unit_stride(k.to(dtype)), _unit_stride(v.to(dtype))

    def _reopen(self, dims):
        """The same cache for the layers of latent attention as this version of transformers caches them."""
        run, file, request = self._made_by
        named = dict(zip(("kv_heads", "head_dim_k", "head_dim_v"), dims))
        layers = [{**layer, **named} if layer.get("latent") else layer for layer in self._steps.layers]
        self._steps.settle()
        self._made_by = run, file, {**request, "layers": layers}
        self._steps.native, self._steps.layers = NativeCache.open(*self._made_by), layers

    # -- verbs

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Tokens held, padding included; a pass under way is not counted."""
        return self._steps.seq_length()

    def reorder_cache(self, beam_idx) -> None:
        """Row i becomes what row ``beam_idx[i]`` was."""
        self._steps.gather(beam_idx.tolist())

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Repeats each row ``repeats`` times."""
        self._steps.settle()
        self._steps.gather([row for row in range(len(self._steps.next or ())) for _ in range(repeats)])

    def batch_select_indices(self, indices) -> None:
        """Keeps the rows ``indices`` (numbers, or a mask of bools)."""
        self._steps.settle()
        self._steps.gather(torch.arange(len(self._steps.next or ()))[indices].tolist())

    def batch_split(self, full_batch_size: int, split_size: int, num_hidden_layers=None) -> list:
        """Caches of ``split_size`` rows each; this one stays as it is."""
        parts = []
        for begin in range(0, full_batch_size, split_size):
            part = self._twin(self._clone())
            part._steps.gather(list(range(begin, min(begin + split_size, full_batch_size))))
            parts.append(part)
        return parts

    @classmethod
    def from_batch_splits(cls, splits, num_hidden_layers=None):
        """The rows of several caches of as many tokens in one; they stay as they are."""
        joined = splits[0]._twin(splits[0]._clone())
        for part in splits[1:]:
            joined._steps.append(part._steps)
        return joined

    def reset(self) -> None:
        """Forgets all tokens and rows. Memory may be kept for reuse."""
        self._steps.reset()

    def info(self) -> dict:
        """``tokens`` (positions of the longest row), ``capacity`` (-1: no limit), ``rows``, ``bytes_device`` (held), ``bytes_used``
        (needed by the tokens; -1: unknown), ``rollback``, ``max_new``."""
        self._steps.settle()
        return self._steps.native.info()

    # -- copies

    def _clone(self):
        self._steps.settle()
        if self._steps.native.offers("clone"):
            return self._steps.native.clone()
        copy = self._steps.native.empty_like()
        copy.load(self._steps.native.save())
        return copy

    def _twin(self, native):
        twin = self._made_of(self.attends, native, self._steps.layers, self._made_by)
        twin._steps.restore_count(self._steps.count())
        return twin

    def __deepcopy__(self, memo):
        return self._twin(self._clone())

    def __copy__(self):
        raise TypeError("a shallow copy would be two caches on one memory: use copy.deepcopy(cache)")

    def __reduce__(self):
        count = self._steps.count()
        held = None if self._steps.next is None else self._steps.native.save()
        return _restore, (type(self), self.attends, self._made_by, held, count)

    def to_legacy_cache(self) -> tuple:
        """Copies of all keys and values: one pair ``[B, Hkv, T, D]`` for each layer, as transformers 4 exchanges them."""
        return tuple(self._steps.export())

    def fill(self, past_key_values):
        """Fills an empty cache with the keys and values of another one: pairs for each layer, or a cache that has dropped none.
        Returns itself."""
        if self._steps.seq_length():
            raise ConfigError(f"the cache holds {self._steps.seq_length()} tokens: call reset() first")
        pairs = filling.pairs_of(past_key_values, self._steps.layers)
        self._steps.import_([pair and self._checked(*pair, i) for i, pair in enumerate(pairs)], IMPORT)
        return self


def _unit_stride(t):
    return t if t.stride(-1) == 1 else t.contiguous()


def _restore(cls, attends, made_by, held, count):
    native = NativeCache.open(*made_by)
    cache = cls._made_of(attends, native, made_by[2]["layers"], made_by)
    cache._steps.restore_count(count)
    if held is not None:
        native.load(held)
    return cache
