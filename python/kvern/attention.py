"""Attention on a cache's own storage, as an attention implementation of transformers 5."""
from __future__ import annotations

import torch

from . import hooks
from .cache import MAJOR
from .errors import UnsupportedError
from .layers import ATTENTION, attends, decoder_config, layers_of

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


def _bias_in(steps, mask):
    """The bias of a mask, made once for all layers of a step."""
    known = steps.biases.get(id(mask))
    if known is None:
        known = steps.biases[id(mask)] = mask, _bias_of(mask)  # the mask is held, so that no other has its id
    return known[1]


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


def _is_causal(module, kwargs):
    given = kwargs.get("is_causal")
    return getattr(module, "is_causal", True) if given is None else given


def _seen(n, kv_len, mask, window, causal):
    """Which keys [.., n, kv_len] the last n of kv_len tokens see: those before them if causal, within a window, less padding."""
    query, key = torch.arange(kv_len - n, kv_len)[:, None], torch.arange(kv_len)[None]
    seen = key <= query if causal else torch.ones(n, kv_len, dtype=torch.bool)
    if window:
        seen = seen & (key > query - window)
    seen = seen[None, None]
    return seen if mask is None else seen & mask[:, None, None, -kv_len:].bool()


def _dense(query, key, value, mask, causal, scaling, softcap, window, s_aux):
    """Attention over keys that no kvern cache holds: a pass without a cache, or with another one. For completeness, not for speed."""
    groups = query.shape[1] // key.shape[1]
    key, value = (t.repeat_interleave(groups, 1) for t in (key, value))
    scores = (query @ key.transpose(-1, -2)).float() * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if softcap:
        scores = softcap * torch.tanh(scores / softcap)
    if mask is None or mask.ndim == 2:
        mask = _seen(query.shape[2], key.shape[2], mask, window, causal)
    scores = scores + _bias_of(mask)
    if s_aux is not None:
        scores = torch.cat([scores, s_aux.float().reshape(1, -1, 1, 1).expand(*scores.shape[:3], 1)], -1)
    weights = scores.softmax(-1)[..., :key.shape[2]]
    return (weights.to(value.dtype) @ value).transpose(1, 2), None


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
        return _dense(query, key, value, attention_mask, _is_causal(module, kwargs), scaling, softcap, sliding_window, s_aux)
    cache, layer = found
    steps = cache._steps
    k, v = cache._checked(key, value, layer)
    rows, heads, n_new, dim = query.shape
    bias = None
    if steps.complete and not steps.in_pass:
        steps.settle()
    if attention_mask is not None and attention_mask.ndim == 4:
        bias = _bias_in(steps, attention_mask)
    elif n_new > 1 and not _is_causal(module, kwargs):
        raise UnsupportedError(f"{type(module).__name__}: attention that is not causal, over keys of a cache: use kvern.use_attention(model, False)")
    elif attention_mask is not None and not steps.done:
        _padding(steps, attention_mask, n_new)
    out = torch.empty(rows, n_new, heads, v.shape[-1])
    window = 0 if bias is not None else (sliding_window or steps.layers[layer]["window"])
    q = query.float()
    steps.attend(layer, q if q.stride(-1) == 1 else q.contiguous(), k, v, out.transpose(1, 2),
                 scale=scaling if scaling is not None else dim ** -0.5, softcap=softcap or 0.0, window=window, bias=bias,
                 sinks=None if s_aux is None else s_aux.float().contiguous())
    return out.to(query.dtype), None


def _register():
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    def mask(*args, q_length, kv_length, q_offset=0, kv_offset=0, attention_mask=None, allow_is_causal_skip=True, **kwargs):
        """The 2D mask as it is, since positions say the rest. Made in full: a mask that is more than causal, and that of a cache whose keys
        do not end with the new ones (StaticCache)."""
        if allow_is_causal_skip and int(q_offset) + q_length == kv_offset + kv_length:
            return attention_mask
        return sdpa_mask(*args, q_length=q_length, kv_length=kv_length, q_offset=q_offset, kv_offset=kv_offset, attention_mask=attention_mask,
                         **{**kwargs, "allow_is_causal_skip": False, "allow_is_bidirectional_skip": False})

    AttentionInterface.register(ATTENTION, attention)
    AttentionMaskInterface.register(ATTENTION, mask)


def _configs(model):
    """Every configuration that a part of the model reads, once."""
    from transformers import PreTrainedModel
    return list({id(part.config): part.config for part in model.modules() if isinstance(part, PreTrainedModel)}.values())


def _set(model, name):
    """Sets the attention of the text decoder, and leaves encoders and towers theirs. All stay as they were where it fails."""
    text = decoder_config(model.config)
    before = [(config, config._attn_implementation) for config in _configs(model)]
    done = False
    try:
        for part in model.modules():
            if getattr(part, "config", None) is text and hasattr(part, "set_attn_implementation"):
                part.set_attn_implementation({"": name})
                done = text._attn_implementation == name
                break
    finally:
        for config, implementation in before:
            if not (done and config is text):
                config._attn_implementation_internal = implementation
    if not done:
        raise UnsupportedError(f"{type(model).__name__}: its attention cannot be replaced; use kvern.Cache without kvern.use_attention")


def _refuse_chunks(config):
    if "chunked_attention" in (getattr(config, "layer_types", None) or ()):
        raise UnsupportedError(f"{config.model_type}: layers of chunked_attention, whose queries see their chunk alone, are no window of kvern's attention: use "
                               "kvern.Cache without kvern.use_attention")


def use_attention(model, on: bool = True):
    """Lets a model attend on the storage of its ``kvern.Cache`` (transformers 5), and no longer with ``on=False``. Returns the model.

    The keys are then never handed out: quantized ones are multiplied as they are packed, and caches that keep other tokens in
    each head can be served. Encoders and vision towers keep their own attention. Raises UnsupportedError for transformers 4, for
    models that no cache serves, and for those whose attention cannot be replaced.
    """
    if MAJOR < 5:
        raise UnsupportedError("kvern.use_attention needs transformers 5; in transformers 4 caches serve the model's own attention")
    layers_of(model.config)  # refuses by name
    if on:
        _refuse_chunks(decoder_config(model.config))
        _register()
        before = decoder_config(model.config)._attn_implementation
        _set(model, ATTENTION)
        if before != ATTENTION:
            setattr(model, _before, before)
        hooks.watch(model)
    elif attends(model.config):
        _set(model, getattr(model, _before, "sdpa"))
    return model
