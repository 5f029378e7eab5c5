"""Attention on a cache's own storage, as an attention implementation of transformers 5."""
from __future__ import annotations

import torch

from . import hooks
from .cache import MAJOR
from .errors import UnsupportedError

NAME = "kvern"
_before = "_kvern_attention_before"


def _refuse(module, dropout, kwargs):
    if kwargs.get("output_attentions"):
        raise UnsupportedError("attention on the cache's storage has no weights to return: output_attentions needs "
                               "kvern.use_attention(model, False) and attn_implementation='eager'")
    if kwargs.get("head_mask") is not None:
        raise UnsupportedError("attention on the cache's storage takes no head_mask: use kvern.use_attention(model, False)")
    if dropout and module.training:
        raise UnsupportedError("attention on the cache's storage has no dropout: call model.eval()")


def _bias_of(mask):
    """A mask [B, 1|H, n_new, kv_len] as float32 that is added to scores."""
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape).masked_fill_(~mask, torch.finfo(torch.float32).min)
    return mask.float().contiguous()


def left_padding(mask):
    """The zeros at the left of each row of a mask [B, T]; None where there are zeros elsewhere."""
    mask = mask.bool()
    pads = (~mask).sum(-1)
    if not torch.equal(mask, torch.arange(mask.shape[1], device=mask.device) >= pads[:, None]):
        return None
    return pads.tolist()


def _padding(steps, mask, n_new):
    """What a 2D mask says of the coming tokens: left padding of the first pass; none later."""
    if steps.next is None and not steps.open:
        first = left_padding(mask[:, :n_new])
        if first is None or (mask.shape[1] > n_new and not bool(mask[:, n_new:].all())):
            raise UnsupportedError("padding elsewhere than at the left, or longer than the first chunk of a prefill: pad on the left, with a larger "
                                   "prefill_chunk_size, or use kvern.use_attention(model, False)")
        steps.expect_padding(first)
    elif not steps.done and not bool(mask[:, -n_new:].all()):
        raise UnsupportedError("padding between the tokens that are held and new ones: use kvern.use_attention(model, False)")


def _without_cache(module, query, key, value, mask, scaling, window, s_aux):
    """A pass without a cache: all keys are the queries' own."""
    n = query.shape[2]
    if key.shape[2] != n or s_aux is not None:
        raise UnsupportedError("attn_implementation='kvern' attends on a kvern.Cache: give one as past_key_values, or call "
                               "kvern.use_attention(model, False)")
    index = torch.arange(n)
    seen = index[None, :] <= index[:, None]
    if window:
        seen &= index[None, :] > index[:, None] - window
    seen = seen[None, None]
    if mask is not None and mask.ndim == 2:
        seen = seen & mask[:, None, None, -n:].bool()
        seen = seen | torch.eye(n, dtype=torch.bool)  # a query that sees nothing gives nan
    elif mask is not None:
        seen = mask
    groups = query.shape[1] // key.shape[1]
    key, value = (t.repeat_interleave(groups, 1) if groups > 1 else t for t in (key, value))
    out = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=seen, scale=scaling)
    return out.transpose(1, 2), None


def attention(module, query, key, value, attention_mask, scaling=None, dropout=0.0, softcap=None, sliding_window=None, s_aux=None,
              **kwargs):
    """The attention function: query ``[B, H, n_new, D]``, key and value ``[B, Hkv, n_new, D]`` as ``Cache.update`` returned them. Returns
    ``[B, n_new, H, Dv]`` and no weights."""
    _refuse(module, dropout, kwargs)
    found, expected = getattr(key, "_kvern", None), hooks.expected_attention()
    if found is None and expected is not None:
        raise UnsupportedError(f"{type(module).__name__}: keys are changed between the cache and attention (layer {expected}), so the cache cannot attend "
                               "to them: use kvern.use_attention(model, False)")
    if found is None:
        return _without_cache(module, query, key, value, attention_mask, scaling, sliding_window, s_aux)
    cache, layer = found
    steps = cache._steps
    k, v = cache._checked(key, value, layer)
    rows, heads, n_new, dim = query.shape
    bias = None
    if steps.complete and not steps.in_pass:
        steps.settle()
    if attention_mask is not None and attention_mask.ndim == 4:
        bias = _bias_of(attention_mask)
    elif attention_mask is not None and not steps.done:
        _padding(steps, attention_mask, n_new)
    out = torch.empty(rows, n_new, heads, v.shape[-1])
    window = 0 if bias is not None else (sliding_window or steps.layers[layer]["window"])
    q = query.detach().float()
    steps.attend(layer, q if q.stride(-1) == 1 else q.contiguous(), k, v, out.transpose(1, 2),
                 scale=scaling if scaling is not None else dim ** -0.5, softcap=softcap or 0.0, window=window, bias=bias,
                 sinks=None if s_aux is None else s_aux.detach().float().contiguous())
    return out.to(query.dtype), None


def _register():
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    def mask(*args, attention_mask=None, allow_is_causal_skip=True, **kwargs):
        """The 2D mask as it is, since positions say the rest; a mask that is more than causal is made in full."""
        if allow_is_causal_skip:
            return attention_mask
        return sdpa_mask(*args, attention_mask=attention_mask, allow_is_causal_skip=False, **kwargs)

    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, mask)


def use_attention(model, on: bool = True):
    """Lets a model attend on the storage of its ``kvern.Cache`` (transformers 5), and no longer with ``on=False``. Returns the model.

    The keys are then never handed out: quantized ones are multiplied as they are packed, and caches that keep other tokens in
    each head can be served. Raises UnsupportedError for transformers 4 and for models whose attention cannot be replaced.
    """
    if MAJOR < 5:
        raise UnsupportedError("kvern.use_attention needs transformers 5; in transformers 4 caches serve the model's own attention")
    if not on:
        model.set_attn_implementation(getattr(model, _before, "sdpa"))
        return model
    _register()
    before = model.config._attn_implementation
    model.set_attn_implementation(NAME)
    if model.config.get_text_config(decoder=True)._attn_implementation != NAME:
        raise UnsupportedError(f"{type(model).__name__}: its attention cannot be replaced; use kvern.Cache without kvern.use_attention")
    if before != NAME:
        setattr(model, _before, before)
    hooks.watch(model)
    return model
