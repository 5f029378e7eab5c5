#!/usr/bin/env python3
"""Writes a model and a draft that agrees with it, for measurements of assisted decoding. Needs numpy.

  draft_weights.py --out DIR [--later 0.01]

DIR/agreeing-135m-f32 has the shape of SmolLM2-135M and random weights; the draft, DIR/agreeing-draft-f32, is its embedding, its first
two layers, its norm and its head. What later layers add to the residual stream is scaled by --later: the smaller, the more often the
draft finds the model's token. The head is not the embedding, else a token would be followed by itself, and its numbers are large
enough that the likeliest token is clearly that. DIR/repeating-135m-f32 has the same shape, but no layer adds anything, so that a token
alone decides which follows: whatever the prompt, the text repeats itself before long.
"""
import argparse
import json
import pathlib

from random_weights import write

DRAFT_LAYERS, HEAD_SCALE = 2, 25.0
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 49152, "hidden_size": 576,
          "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3, "head_dim": 64,
          "hidden_act": "silu", "rms_norm_eps": 1e-5, "max_position_embeddings": 32768, "rope_theta": 100000.0,
          "tie_word_embeddings": False, "attention_bias": False, "mlp_bias": False, "bos_token_id": 0, "eos_token_id": None,
          "dtype": "float32"}


def layer(number):
    prefix, c = f"model.layers.{number}", CONFIG
    hidden, wide, keys = c["hidden_size"], c["intermediate_size"], c["num_key_value_heads"] * c["head_dim"]
    return {f"{prefix}.input_layernorm.weight": [hidden], f"{prefix}.post_attention_layernorm.weight": [hidden],
            f"{prefix}.self_attn.q_proj.weight": [hidden, hidden], f"{prefix}.self_attn.k_proj.weight": [keys, hidden],
            f"{prefix}.self_attn.v_proj.weight": [keys, hidden], f"{prefix}.self_attn.o_proj.weight": [hidden, hidden],
            f"{prefix}.mlp.gate_proj.weight": [wide, hidden], f"{prefix}.mlp.up_proj.weight": [wide, hidden],
            f"{prefix}.mlp.down_proj.weight": [hidden, wide]}


def tensors(layers):
    """In an order in which the first ones of a model and of its draft are the same."""
    shape = [CONFIG["vocab_size"], CONFIG["hidden_size"]]
    out = {"model.embed_tokens.weight": shape, "lm_head.weight": shape, "model.norm.weight": [CONFIG["hidden_size"]]}
    for number in range(layers):
        out |= layer(number)
    return out


def scale_of(name, first, later):
    if name == "lm_head.weight":
        return HEAD_SCALE
    if not name.endswith(("o_proj.weight", "down_proj.weight")):
        return 1.0
    return first if int(name.split(".")[2]) < DRAFT_LAYERS else later


def write_model(folder, layers, first, later):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG | {"num_hidden_layers": layers}, indent=1))
    (folder / "generation_config.json").write_text("{}")
    write(folder / "model.safetensors", tensors(layers), "f32", lambda name: scale_of(name, first, later))
    print(folder, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--later", type=float, default=0.01)
    a = parser.parse_args()
    write_model(a.out / "agreeing-135m-f32", CONFIG["num_hidden_layers"], 1.0, a.later)
    write_model(a.out / "agreeing-draft-f32", DRAFT_LAYERS, 1.0, a.later)
    write_model(a.out / "repeating-135m-f32", CONFIG["num_hidden_layers"], 0.0, 0.0)


if __name__ == "__main__":
    main()
