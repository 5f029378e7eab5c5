"""Small configurations of every family, with settings drawn at random: `draw(family, random)` gives the keywords of its
configuration class. Names are those of transformers 5; where an older version knows another, `make_reference.py` says so."""

SLIDING, FULL, LINEAR = "sliding_attention", "full_attention", "linear_attention"
ACTIVATIONS = ["silu", "gelu", "gelu_pytorch_tanh", "gelu_new", "relu", "relu2", "swish"]
POSITIONS = 64  # max_position_embeddings of most


def rope(r, dim, kinds=("default", "linear", "dynamic", "yarn", "llama3", "longrope"), partial=1.0):
    """A rotation of heads of `dim` elements, of which a part is rotated."""
    kind, theta = r.choice(kinds), r.choice([500.0, 10000.0, 1000000.0])
    original = r.choice([16, 24, 32])
    table = {"rope_type": kind, "rope_theta": theta}
    if partial != 1.0:
        table["partial_rotary_factor"] = partial
    if kind in ("linear", "dynamic"):
        table["factor"] = r.choice([2.0, 4.0, 1.5])
    if kind == "yarn":
        table |= {"factor": float(POSITIONS // original), "original_max_position_embeddings": original}
        for key, values in {"beta_fast": [16.0, 32.0], "beta_slow": [1.0, 2.0], "truncate": [True, False],
                            "attention_factor": [1.3]}.items():
            if r.random() < 0.4:
                table[key] = r.choice(values)
        if r.random() < 0.4:
            table |= {"mscale": r.choice([1.0, 0.7]), "mscale_all_dim": r.choice([1.0, 0.8])}
    if kind == "llama3":
        table |= {"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": r.choice([2.0, 4.0]), "original_max_position_embeddings": original}
    if kind == "longrope":
        pairs = int(dim * partial) // 2
        table |= {"short_factor": [1.0 + 0.1 * i for i in range(pairs)], "long_factor": [1.2 + 0.5 * i for i in range(pairs)],
                  "original_max_position_embeddings": original}
        if r.random() < 0.5:
            table["factor"] = float(r.choice([2, 4]))
        if r.random() < 0.3:
            table["attention_factor"] = 1.2
    return table


def sizes(r, layers=3):
    """Vocabulary, widths, heads; often a head size that is not hidden_size / heads."""
    heads = r.choice([2, 3, 4, 6])
    kv = r.choice([d for d in range(1, heads + 1) if heads % d == 0])
    natural = r.choice([8, 12, 16, 20])
    c = {"vocab_size": r.choice([97, 128, 201]), "hidden_size": heads * natural, "intermediate_size": r.choice([24, 40, 50, 72]),
         "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv, "max_position_embeddings": POSITIONS,
         "tie_word_embeddings": r.random() < 0.5, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return c, natural


def own_head_dim(r, c, natural):
    """The head size; in half of the models it is not hidden_size / heads."""
    if r.random() < 0.5:
        return natural
    c["head_dim"] = r.choice([4, 8, 14, 18, 24])
    return c["head_dim"]


def llama_like(r, layers=3, act=ACTIVATIONS, head=True, **rope_options):
    c, natural = sizes(r, layers)
    dim = own_head_dim(r, c, natural) if head else natural
    c |= {"hidden_act": r.choice(act), "rms_norm_eps": r.choice([1e-6, 1e-5, 1e-2]), "rope_parameters": rope(r, dim, **rope_options)}
    return c


def maybe(r, c, **keys):
    for key, values in keys.items():
        if r.random() < 0.7:
            c[key] = r.choice(values)
    return c


def window(r):
    return r.choice([None, 3, 5, 8])


def layer_types(r, layers, kinds=(SLIDING, FULL)):
    return [r.choice(kinds) for _ in range(layers)]


def even(partial, dim):
    """The factor if it rotates an even number of elements."""
    return partial if int(dim * partial) >= 2 and int(dim * partial) % 2 == 0 else 1.0


def llama(r):
    return maybe(r, llama_like(r), attention_bias=[True, False], mlp_bias=[True, False])


def mistral(r):
    return llama_like(r) | {"sliding_window": window(r)}


def ministral(r):
    return llama_like(r) | {"sliding_window": r.choice([3, 5, 8]), "layer_types": layer_types(r, 3)}


def ministral3(r):
    c = llama_like(r, kinds=("yarn",))
    c["rope_parameters"]["llama_4_scaling_beta"] = r.choice([0.1, 0.3])
    return c | {"sliding_window": window(r)}


def mixtral(r):
    return llama_like(r) | {"sliding_window": window(r), "num_local_experts": r.choice([2, 5]), "num_experts_per_tok": r.choice([1, 2])}


def windowed(r, c):
    if r.random() < 0.6:
        c |= {"use_sliding_window": True, "sliding_window": r.choice([3, 6]), "max_window_layers": r.choice([0, 1, 2])}
    return c


def qwen2(r):
    return windowed(r, llama_like(r, head=False))


def experts(r):
    n = r.choice([3, 6, 8])
    return {"num_experts": n, "num_experts_per_tok": r.choice([1, 2, n]), "moe_intermediate_size": r.choice([8, 12, 20]),
            "norm_topk_prob": r.random() < 0.5, "decoder_sparse_step": r.choice([1, 1, 2]), "mlp_only_layers": r.choice([[], [1], [0]])}


def qwen2_moe(r):
    c = windowed(r, llama_like(r, head=False)) | experts(r) | {"shared_expert_intermediate_size": r.choice([12, 20])}
    return maybe(r, c, qkv_bias=[True, False])


def qwen3(r):
    return maybe(r, windowed(r, llama_like(r)), attention_bias=[True, False])


def qwen3_moe(r):
    c = llama_like(r) | experts(r)
    if r.random() < 0.4:
        c |= {"use_sliding_window": True, "sliding_window": r.choice([3, 6])}
    return maybe(r, c, attention_bias=[True, False])


def qwen3_next(r):
    c = llama_like(r, layers=4, head=False, kinds=("default", "linear", "yarn")) | experts(r)
    c["head_dim"] = r.choice([8, 16])
    c["rope_parameters"]["partial_rotary_factor"] = r.choice([0.25, 0.5, 1.0])
    heads = r.choice([1, 2])
    c |= {"linear_num_key_heads": heads, "linear_num_value_heads": heads * r.choice([1, 2, 3]), "linear_key_head_dim": r.choice([8, 12]),
          "linear_value_head_dim": r.choice([8, 16]), "linear_conv_kernel_dim": r.choice([2, 3, 4]), "hidden_act": "silu",
          "shared_expert_intermediate_size": r.choice([12, 20])}
    if r.random() < 0.5:
        c["layer_types"] = layer_types(r, 4, (LINEAR, FULL))
    return c


def gemma(r, layers, act="hidden_activation"):
    c, natural = sizes(r, layers)
    c["head_dim"] = r.choice([8, 12, 16, natural])
    c |= {act: r.choice(["gelu_pytorch_tanh", "gelu", "silu"]), "rms_norm_eps": r.choice([1e-6, 1e-3]),
          "query_pre_attn_scalar": r.choice([8, 24, 100]), "sliding_window": r.choice([3, 5, 8])}
    return maybe(r, c, attention_bias=[True, False], final_logit_softcapping=[5.0, 30.0, None])


def gemma2(r):
    c = gemma(r, 4) | {"attn_logit_softcapping": r.choice([2.0, 50.0, None]), "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}
    c["hidden_act"] = c["hidden_activation"]
    return c | ({"layer_types": layer_types(r, 4)} if r.random() < 0.5 else {})


def gemma3_text(r):
    c = gemma(r, 7)
    full, local = rope(r, c["head_dim"], ("default", "linear", "yarn")), rope(r, c["head_dim"], ("default",))
    c["rope_parameters"] = {FULL: full, SLIDING: local}
    return c | ({"layer_types": layer_types(r, 7)} if r.random() < 0.5 else {})


def gpt_oss(r):
    c = llama_like(r, layers=4, kinds=("default", "yarn", "linear"), act=["silu"])
    c |= {"num_local_experts": r.choice([2, 5]), "num_experts_per_tok": r.choice([1, 2]), "sliding_window": r.choice([3, 8]),
          "intermediate_size": r.choice([16, 20])}
    return maybe(r, c, attention_bias=[True, False], layer_types=[layer_types(r, 4)])


def smollm3(r):
    c = maybe(r, llama_like(r, layers=4), attention_bias=[True, False], mlp_bias=[True, False], no_rope_layer_interval=[2, 3])
    if r.random() < 0.4:
        c["no_rope_layers"] = [r.choice([0, 1]) for _ in range(4)]
    if r.random() < 0.4:
        c |= {"use_sliding_window": True, "sliding_window": r.choice([3, 6])}
    return c


def olmo2(r):
    return maybe(r, llama_like(r, head=False), attention_bias=[True, False])


def scales(r, c):
    return maybe(r, c, embedding_multiplier=[0.5, 6.0], logits_scaling=[0.5, 4.0], residual_multiplier=[0.4, 1.3], attention_multiplier=[0.2, 0.05],
                 attention_bias=[True, False])


def granite(r):
    return maybe(r, scales(r, llama_like(r, head=False)), mlp_bias=[True, False])


def glm4(r):
    c = llama_like(r, kinds=("default", "linear", "yarn"))
    dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    c["rope_parameters"]["partial_rotary_factor"] = even(r.choice([0.25, 0.5, 1.0]), dim)
    return maybe(r, c, attention_bias=[True, False])


def deepseek(r, kinds):
    c, _ = sizes(r)
    c["num_key_value_heads"] = c["num_attention_heads"]
    groups = r.choice([1, 2, 4])
    c |= {"hidden_act": r.choice(["silu", "gelu"]), "rms_norm_eps": r.choice([1e-6, 1e-3]), "moe_intermediate_size": r.choice([8, 12]),
          "n_shared_experts": r.choice([1, 2]), "n_routed_experts": 8, "num_experts_per_tok": r.choice([1, 2]), "n_group": groups,
          "topk_group": r.choice([1, groups]), "kv_lora_rank": r.choice([8, 12, 18]), "q_lora_rank": r.choice([None, 10, 16]),
          "qk_rope_head_dim": r.choice([4, 8]), "qk_nope_head_dim": r.choice([4, 12]), "v_head_dim": r.choice([4, 10, 12]),
          "first_k_dense_replace": r.choice([0, 1, 2]), "norm_topk_prob": r.random() < 0.5, "routed_scaling_factor": r.choice([1.0, 2.5])}
    c["rope_parameters"] = rope(r, c["qk_rope_head_dim"], kinds)
    return maybe(r, c, attention_bias=[True, False])


def deepseek_v2(r):
    return deepseek(r, ("default", "linear", "yarn")) | {"topk_method": r.choice(["greedy", "group_limited_greedy"])}


def deepseek_v3(r):
    return maybe(r, deepseek(r, ("default", "linear", "yarn", "dynamic")), rope_interleave=[True, False])


def cohere(r):
    c = llama_like(r, head=False, kinds=("default", "linear", "dynamic")) | {"logit_scale": r.choice([0.25, 1.0]),
                                                                             "layer_norm_eps": r.choice([1e-5, 1e-2])}
    return maybe(r, c, attention_bias=[True, False], use_qk_norm=[True, False])


def cohere2(r):
    c = llama_like(r, layers=5, kinds=("default", "linear")) | {"logit_scale": r.choice([0.25, 1.0]), "layer_norm_eps": r.choice([1e-5, 1e-2]),
                                                                "sliding_window": r.choice([3, 6])}
    return maybe(r, c, attention_bias=[True, False], layer_types=[layer_types(r, 5)])


def exaone4(r):
    c = llama_like(r, layers=4, kinds=("default", "llama3", "linear"))
    c["sliding_window"] = r.choice([3, 6])
    if r.random() < 0.5:
        return c | {"layer_types": layer_types(r, 4)}
    if r.random() < 0.4:
        return c | {"sliding_window": None, "layer_types": [FULL] * 4}
    return c | {"sliding_window_pattern": r.choice([2, 4])}


def nemotron(r):
    c = llama_like(r, kinds=("default", "linear"))
    dim = c.get("head_dim", c["hidden_size"] // c["num_attention_heads"])
    c["rope_parameters"]["partial_rotary_factor"] = even(r.choice([0.25, 0.5, 1.0]), dim)
    c |= {"head_dim": dim, "norm_eps": r.choice([1e-5, 1e-2]), "hidden_act": r.choice(["relu2", "gelu", "silu"])}
    return maybe(r, c, attention_bias=[True, False], mlp_bias=[True, False])


def phi(r):
    c = llama_like(r, head=False, kinds=("default", "linear", "dynamic"))
    dim = c["hidden_size"] // c["num_attention_heads"]
    c["rope_parameters"]["partial_rotary_factor"] = even(r.choice([0.5, 0.25, 1.0]), dim)
    return maybe(r, c, qk_layernorm=[True, False], layer_norm_eps=[1e-5, 1e-2])


def phi3(r):
    c = llama_like(r, head=False, kinds=("default", "longrope"))
    table = c["rope_parameters"]
    if table["rope_type"] == "longrope":
        c["original_max_position_embeddings"] = table["original_max_position_embeddings"]
    else:
        c["original_max_position_embeddings"] = POSITIONS
    return c | {"sliding_window": window(r)}


def starcoder2(r):
    c = llama_like(r, head=False) | {"sliding_window": window(r), "norm_epsilon": r.choice([1e-5, 1e-2])}
    return maybe(r, c, use_bias=[True, False])


def gpt_neox(r):
    c, dim = sizes(r)
    c.pop("num_key_value_heads")
    partial = even(r.choice([0.25, 0.5, 1.0]), dim)
    c |= {"hidden_act": r.choice(["gelu", "gelu_new", "relu", "silu"]), "layer_norm_eps": r.choice([1e-5, 1e-2]),
          "rope_parameters": rope(r, dim, ("default", "linear", "dynamic")) | {"partial_rotary_factor": partial}}
    return maybe(r, c, use_parallel_residual=[True, False], attention_bias=[True, False])


def gpt2(r):
    heads = r.choice([1, 2, 4])
    c = {"vocab_size": r.choice([97, 128]), "n_embd": heads * r.choice([8, 12]), "n_layer": 2, "n_head": heads, "n_positions": POSITIONS,
         "bos_token_id": 1, "eos_token_id": 2, "activation_function": r.choice(["gelu_new", "gelu", "relu", "silu"])}
    return maybe(r, c, n_inner=[40, 50, None], layer_norm_epsilon=[1e-5, 1e-2], scale_attn_weights=[True, False],
                 scale_attn_by_inverse_layer_idx=[True, False], tie_word_embeddings=[True, False])


def mamba(r):
    c = {"vocab_size": r.choice([97, 128]), "hidden_size": r.choice([16, 20, 36]), "state_size": r.choice([4, 8, 16]), "num_hidden_layers": 3,
         "expand": r.choice([1, 2, 3]), "conv_kernel": r.choice([2, 3, 4]), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    return maybe(r, c, use_bias=[True, False], use_conv_bias=[True, False], time_step_rank=[3, "auto"], layer_norm_epsilon=[1e-5, 1e-2],
                 tie_word_embeddings=[True, False])


def jamba(r):
    c = llama_like(r, layers=4, head=False)
    c.pop("rope_parameters")
    c |= {"hidden_act": "silu", "num_experts": r.choice([1, 3, 5]), "num_experts_per_tok": 1, "expert_layer_period": r.choice([1, 2, 3]),
          "expert_layer_offset": 0, "attn_layer_period": r.choice([2, 3]), "attn_layer_offset": r.choice([0, 1]),
          "mamba_d_state": r.choice([4, 8, 16]), "mamba_d_conv": r.choice([2, 4]), "mamba_expand": r.choice([1, 2]),
          "mamba_dt_rank": r.choice([3, "auto"]), "use_mamba_kernels": False}
    if c["num_experts"] > 1:
        c["num_experts_per_tok"] = r.choice([1, 2])
    return maybe(r, c, mamba_proj_bias=[False], mamba_conv_bias=[True, False])


def mamba2(r, c, inner=None):
    groups, dim = r.choice([1, 2]), r.choice([4, 8])
    expand = r.choice([1, 2])
    c["num_attention_heads"], c["num_key_value_heads"] = 4, r.choice([1, 2, 4])
    c["hidden_size"] = 4 * r.choice([8, 16])
    inner = inner or expand * c["hidden_size"]
    return c | {"mamba_n_heads": inner // dim, "mamba_d_head": dim, "mamba_n_groups": groups, "mamba_d_state": r.choice([4, 8, 16]),
                "mamba_d_conv": r.choice([2, 4]), "mamba_expand": expand, "mamba_conv_bias": r.random() < 0.5, "hidden_act": "silu",
                "mamba_chunk_size": r.choice([4, 16])}


def granitemoehybrid(r):
    c = scales(r, mamba2(r, llama_like(r, layers=4, head=False)))
    c["rope_parameters"] = rope(r, c["hidden_size"] // 4, ("default", "linear"))
    c |= {"layer_types": layer_types(r, 4, (LINEAR, FULL)), "num_local_experts": r.choice([0, 2, 5]), "num_experts_per_tok": r.choice([1, 2]),
          "shared_intermediate_size": r.choice([12, 24]), "intermediate_size": r.choice([12, 20])}
    return maybe(r, c, position_embedding_type=["rope", None])


def bamba(r):
    c = mamba2(r, llama_like(r, head=False, kinds=("default", "linear")))
    c["rope_parameters"] = rope(r, c["hidden_size"] // 4, ("default", "linear"))
    c["rope_parameters"]["partial_rotary_factor"] = r.choice([0.5, 1.0])
    c["attn_layer_indices"] = r.choice([[1], [0, 2]])
    return maybe(r, c, attention_bias=[True, False], mlp_bias=[True, False])


def falcon_h1(r):
    c = mamba2(r, llama_like(r, head=False), inner=48)
    c["head_dim"] = r.choice([8, 12, 16])
    c["rope_parameters"] = rope(r, c["head_dim"], ("default", "linear"))
    c["mamba_d_ssm"] = 48
    for key in ("key", "attention_in", "attention_out", "ssm_in", "ssm_out", "embedding", "lm_head"):
        if r.random() < 0.6:
            c[key + "_multiplier"] = r.choice([0.6, 1.2])
    return maybe(r, c, mamba_rms_norm=[True, False], mamba_norm_before_gate=[True, False], mlp_multipliers=[[0.9, 0.7]],
                 ssm_multipliers=[[0.8, 0.9, 1.1, 1.2, 0.7]])


def lfm2(r):
    c = llama_like(r, layers=4, head=False)
    c["norm_eps"] = c.pop("rms_norm_eps")
    c.pop("hidden_act")
    c |= {"layer_types": layer_types(r, 4, ("conv", FULL)), "conv_L_cache": r.choice([2, 3, 4]), "block_multiple_of": r.choice([1, 8])}
    if FULL not in c["layer_types"]:
        c["layer_types"][2] = FULL
    return maybe(r, c, block_auto_adjust_ff_dim=[True, False], block_ffn_dim_multiplier=[1.0, 1.5], conv_bias=[True, False])


def t5(r):
    heads = r.choice([1, 2, 4])
    c = {"vocab_size": r.choice([97, 128]), "d_model": r.choice([16, 24, 36]), "d_kv": r.choice([4, 8, 12]), "d_ff": r.choice([24, 40]),
         "num_layers": 2, "num_decoder_layers": r.choice([1, 2, 3]), "num_heads": heads, "pad_token_id": 0, "eos_token_id": 1,
         "decoder_start_token_id": 0, "feed_forward_proj": r.choice(["relu", "gated-gelu", "gated-silu", "gelu"])}
    return maybe(r, c, relative_attention_num_buckets=[4, 8, 16], relative_attention_max_distance=[20, 40], layer_norm_epsilon=[1e-6, 1e-2],
                 tie_word_embeddings=[True, False])


def bart(r):
    c = {"vocab_size": r.choice([97, 128]), "d_model": r.choice([16, 24, 48]), "encoder_layers": 2, "decoder_layers": r.choice([1, 2]),
         "encoder_attention_heads": r.choice([1, 2, 4]), "decoder_attention_heads": r.choice([1, 2, 4]), "encoder_ffn_dim": r.choice([24, 40]),
         "decoder_ffn_dim": r.choice([24, 40]), "max_position_embeddings": POSITIONS, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2,
         "decoder_start_token_id": 2, "activation_function": r.choice(["gelu", "relu", "silu", "gelu_new"])}
    return maybe(r, c, scale_embedding=[True, False], tie_word_embeddings=[True, False])


def whisper(r):
    c = {"vocab_size": r.choice([97, 128]), "d_model": r.choice([16, 24, 48]), "encoder_layers": 2, "decoder_layers": r.choice([1, 2]),
         "encoder_attention_heads": r.choice([1, 2, 4]), "decoder_attention_heads": r.choice([1, 2, 4]), "encoder_ffn_dim": r.choice([24, 40]),
         "decoder_ffn_dim": r.choice([24, 40]), "num_mel_bins": r.choice([8, 20]), "max_source_positions": r.choice([20, 33]),
         "max_target_positions": 32, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 3,
         "activation_function": r.choice(["gelu", "relu", "silu"])}
    return maybe(r, c, scale_embedding=[True, False])


ENCODER_DECODERS = {f.__name__: f for f in (t5, bart, whisper)}
FAMILIES = {f.__name__: f for f in (
    llama, mistral, ministral, ministral3, mixtral, qwen2, qwen2_moe, qwen3, qwen3_moe, qwen3_next, gemma2, gemma3_text, gpt_oss, smollm3,
    olmo2, granite, glm4, deepseek_v2, deepseek_v3, cohere, cohere2, exaone4, nemotron, phi, phi3, starcoder2, gpt_neox, gpt2, mamba, jamba,
    granitemoehybrid, bamba, falcon_h1, lfm2)}


def draw(family, r):
    return (FAMILIES | ENCODER_DECODERS)[family](r)
