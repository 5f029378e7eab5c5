"""What a model's configuration says of the layers that a cache serves."""
from __future__ import annotations

from .errors import UnsupportedError

KEYS = {"full_attention", "attention", "global_attention", "sliding_attention", "chunked_attention", "dense"}
NO_CACHE = {"moe", "mlp", "dummy"}
STATE_KEYS = ("mamba_d_state", "ssm_state_size", "conv_L_cache", "linear_num_key_heads", "layers_block_type")
# before configurations had layer_types: families whose window is that of every layer
ONE_WINDOW = {"mistral", "mixtral", "phi3", "starcoder2"}


ATTENTION = "kvern"  # the name of attention on a cache's storage (attention.py)


def decoder_config(config):
    """The part of a configuration that the text decoder reads."""
    return config.get_text_config(decoder=True) if hasattr(config, "get_text_config") else config


def attends(config) -> bool:
    """Whether the text decoder of a configuration attends on a cache's storage."""
    return getattr(decoder_config(config), "_attn_implementation", None) == ATTENTION


def _refuse_encoders(config) -> None:
    if getattr(config, "is_encoder_decoder", False):
        raise UnsupportedError(f"{config.model_type}: models with an encoder are served on the command line, not in Python; "
                               "use transformers' EncoderDecoderCache")


def _refuse_what_is_not_keys(config, types) -> None:
    states = sorted({t for t in types or () if t not in KEYS | NO_CACHE})
    if not types:
        states = [key for key in STATE_KEYS if getattr(config, key, None) is not None]
    if states or config.model_type.startswith(("mamba", "falcon_h1", "jamba", "bamba")):
        raise UnsupportedError(f"{config.model_type}: layers with recurrent states ({', '.join(states) or 'state space'}) are "
                               "served on the command line, not in Python; use transformers' DynamicCache")
    if getattr(config, "num_kv_shared_layers", 0) or "reuse" in (getattr(config, "kv_sharing_modes", None) or ()):
        raise UnsupportedError(f"{config.model_type}: later layers read keys that earlier ones were given, which outlives a "
                               "step of a kvern cache; use transformers' DynamicCache")


def _window(config, kind) -> int:
    if kind == "chunked_attention":  # a chunk sees less than a window of its length: a bound that is safe
        return getattr(config, "attention_chunk_size", None) or 0
    if kind == "sliding_attention":
        return config.sliding_window or 0
    if kind is None and config.model_type in ONE_WINDOW:
        return getattr(config, "sliding_window", None) or 0
    return 0


def _layer(config, kind) -> dict:
    if kind in NO_CACHE:
        return {"kind": "none"}
    heads = config.num_attention_heads
    latent = bool(getattr(config, "kv_lora_rank", None) and hasattr(config, "qk_rope_head_dim"))
    if latent:  # expanded, as older versions cache them; newer ones cache the latents themselves, as the first pass shows
        dim_k, dim_v, kv_heads = config.qk_nope_head_dim + config.qk_rope_head_dim, config.v_head_dim, heads
    else:
        dim_k = dim_v = getattr(config, "head_dim", None) or config.hidden_size // heads
        kv_heads = getattr(config, "num_key_value_heads", None) or heads
        if getattr(config, "multi_query", False) and not hasattr(config, "num_key_value_heads"):
            kv_heads = 1
    return {"kind": "attention", "q_heads": heads, "kv_heads": kv_heads, "head_dim_k": dim_k, "head_dim_v": dim_v,
            "window": _window(config, kind), "latent": latent}


def layers_of(config) -> list:
    """One dictionary for each layer: ``kind``, ``q_heads``, ``kv_heads``, ``head_dim_k``, ``head_dim_v``, ``window`` (0: all), ``latent``
    (multi-head latent attention: what is cached depends on the version of transformers).

    Raises UnsupportedError for models whose layers hold something other than keys and values of the tokens themselves.
    """
    _refuse_encoders(config)
    config = decoder_config(config)
    types = getattr(config, "layer_types", None)
    _refuse_what_is_not_keys(config, types)
    types = types or [None] * config.num_hidden_layers
    per_layer = getattr(config, "per_layer_config", None) or [config] * len(types)
    return [_layer(one, kind) for one, kind in zip(per_layer, types)]
