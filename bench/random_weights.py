#!/usr/bin/env python3
"""Writes models of recent families with random weights and real shapes, for speed measurements only. Needs numpy.

  random_weights.py --out DIR [--only NAME ...] [--dtype f32|bf16] [--layers N]

DIR/NAME-DTYPE gets config.json as transformers 5 writes it, generation_config.json and model.safetensors. Weights are normal with a
standard deviation of 0.02 (norms 1), of a fixed seed; a matrix is filled from one block of numbers, shifted for each tensor.

  qwen3-moe-1b   Qwen3-MoE: 64 experts of which a token goes through 8, 1.0 B weights
  gemma3-270m    Gemma 3, 270 M
  qwen3-0.6b     Qwen3, 0.6 B
  llama-3.1-8b   the shapes that a GPU is measured with (bench/gpu); 16 GB, 14 GB and 2.5 GB with --dtype bf16
  llama-2-7b
  llama-3.2-1b
"""
import argparse
import json
import pathlib
import struct

import numpy

BLOCK = 1 << 22
COMMON = {"bos_token_id": 1, "eos_token_id": 2, "attention_bias": False, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6}
ROPE = {"rope_type": "default", "rope_theta": 1000000.0}
LLAMA = COMMON | {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_act": "silu", "max_position_embeddings": 131072,
                  "mlp_bias": False, "rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}

SHAPES = {
    "qwen3-moe-1b": COMMON | {
        "model_type": "qwen3_moe", "architectures": ["Qwen3MoeForCausalLM"], "vocab_size": 32000, "hidden_size": 1024,
        "intermediate_size": 3072, "moe_intermediate_size": 384, "num_hidden_layers": 12, "num_attention_heads": 16,
        "num_key_value_heads": 4, "head_dim": 128, "num_local_experts": 64, "num_experts_per_tok": 8, "norm_topk_prob": True,
        "decoder_sparse_step": 1, "mlp_only_layers": [], "hidden_act": "silu", "tie_word_embeddings": False,
        "use_sliding_window": False, "sliding_window": None, "rope_parameters": ROPE},
    "gemma3-270m": COMMON | {
        "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "vocab_size": 262144, "hidden_size": 640,
        "intermediate_size": 2048, "num_hidden_layers": 18, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
        "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 512, "tie_word_embeddings": True,
        "layer_types": ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(18)],
        "rope_parameters": {"full_attention": ROPE, "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}},
    "qwen3-0.6b": COMMON | {
        "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": 151936, "hidden_size": 1024,
        "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16, "num_key_value_heads": 8, "head_dim": 128,
        "hidden_act": "silu", "tie_word_embeddings": True, "use_sliding_window": False, "sliding_window": None,
        "layer_types": ["full_attention"] * 28, "rope_parameters": ROPE},
    "llama-3.1-8b": LLAMA | {
        "vocab_size": 128256, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 128, "tie_word_embeddings": False},
    "llama-2-7b": LLAMA | {
        "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32,
        "num_key_value_heads": 32, "head_dim": 128, "tie_word_embeddings": False},
    "llama-3.2-1b": LLAMA | {
        "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
        "num_key_value_heads": 8, "head_dim": 64, "tie_word_embeddings": True},
}


def mlp(prefix, width, hidden):
    return {f"{prefix}.gate_proj.weight": [width, hidden], f"{prefix}.up_proj.weight": [width, hidden],
            f"{prefix}.down_proj.weight": [hidden, width]}


def layer_tensors(c, prefix):
    hidden, dim = c["hidden_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim
    norms = ["input_layernorm", "post_attention_layernorm"]
    if c["model_type"] == "gemma3_text":
        norms += ["pre_feedforward_layernorm", "post_feedforward_layernorm"]
    out = {f"{prefix}.{name}.weight": [hidden] for name in norms}
    attention = f"{prefix}.self_attn"
    out |= {f"{attention}.q_proj.weight": [q, hidden], f"{attention}.k_proj.weight": [kv, hidden],
            f"{attention}.v_proj.weight": [kv, hidden], f"{attention}.o_proj.weight": [hidden, q]}
    if c["model_type"] != "llama":
        out |= {f"{attention}.q_norm.weight": [dim], f"{attention}.k_norm.weight": [dim]}
    if c["model_type"] != "qwen3_moe":
        return out | mlp(f"{prefix}.mlp", c["intermediate_size"], hidden)
    out[f"{prefix}.mlp.gate.weight"] = [c["num_local_experts"], hidden]
    for e in range(c["num_local_experts"]):
        out |= mlp(f"{prefix}.mlp.experts.{e}", c["moe_intermediate_size"], hidden)
    return out


def tensors(c):
    out = {"model.embed_tokens.weight": [c["vocab_size"], c["hidden_size"]], "model.norm.weight": [c["hidden_size"]]}
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = [c["vocab_size"], c["hidden_size"]]
    for i in range(c["num_hidden_layers"]):
        out |= layer_tensors(c, f"model.layers.{i}")
    return out


def encode(values, dtype):
    """float32, or its upper half rounded to nearest, ties to even."""
    if dtype == "f32":
        return values
    bits = values.view(numpy.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def write(path, shapes, dtype, scale_of=lambda name: 1.0):
    """scale_of: what the random numbers of a matrix are multiplied by."""
    size = {"f32": 4, "bf16": 2}[dtype]
    header, offset = {}, 0
    for name, shape in shapes.items():
        count = int(numpy.prod(shape))
        header[name] = {"dtype": dtype.upper(), "shape": shape, "data_offsets": [offset, offset + count * size]}
        offset += count * size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    block = numpy.random.default_rng(0).standard_normal(BLOCK, dtype=numpy.float32) * numpy.float32(0.02)
    ones = encode(numpy.ones(BLOCK, dtype=numpy.float32), dtype)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for number, (name, shape) in enumerate(shapes.items()):
            count = int(numpy.prod(shape))
            source = ones if len(shape) == 1 else encode(numpy.roll(block, 7919 * number) * numpy.float32(scale_of(name)), dtype)
            for begin in range(0, count, BLOCK):
                file.write(source[:min(BLOCK, count - begin)].tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="*", choices=sorted(SHAPES))
    parser.add_argument("--dtype", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--layers", type=int, help="fewer layers, for a quick look")
    a = parser.parse_args()
    for name in a.only or SHAPES:
        config = dict(SHAPES[name])
        if a.layers:
            config["num_hidden_layers"] = a.layers
            if "layer_types" in config:
                config["layer_types"] = config["layer_types"][:a.layers]
        config["dtype"] = {"f32": "float32", "bf16": "bfloat16"}[a.dtype]
        folder = a.out / f"{name}-{a.dtype}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps(config, indent=1))
        (folder / "generation_config.json").write_text("{}")
        shapes = tensors(config)
        write(folder / "model.safetensors", shapes, a.dtype)
        print(name, sum(int(numpy.prod(s)) for s in shapes.values()), "weights", flush=True)


if __name__ == "__main__":
    main()
