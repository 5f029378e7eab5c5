#!/usr/bin/env python3
"""Make tests/reference/decoder_options: options of model families as transformers 5 writes and computes them.

    make_reference.py --out DIR

Tiny random models, one forward case each, in the layout of tests/reference/decoders. Needs torch and transformers 5.
Two runs give the same bytes.
"""

import argparse
import json
from pathlib import Path

import torch
import transformers as tf
from safetensors.torch import save_file

COMMON = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
GPT2 = dict(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=48, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", factor=8.0, rope_theta=500.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=32)

MODELS = {
    "phi_qk_norm": (tf.PhiForCausalLM, tf.PhiConfig(**COMMON, qk_layernorm=True, tie_word_embeddings=True)),
    "qwen2_window": (tf.Qwen2ForCausalLM, tf.Qwen2Config(**COMMON, use_sliding_window=True, sliding_window=7,
                                                         max_window_layers=2)),
    "phi3_window": (tf.Phi3ForCausalLM, tf.Phi3Config(**COMMON, sliding_window=9, partial_rotary_factor=0.75)),
    "llama_wide_heads": (tf.LlamaForCausalLM, tf.LlamaConfig(**{**COMMON, "num_key_value_heads": 1}, head_dim=16,
                                                             attention_bias=True, mlp_bias=True,
                                                             rope_parameters=LLAMA3)),
    "gpt2_scales": (tf.GPT2LMHeadModel, tf.GPT2Config(**GPT2, scale_attn_by_inverse_layer_idx=True, n_inner=40,
                                                      activation_function="gelu", tie_word_embeddings=False)),
    "gpt2_no_scale": (tf.GPT2LMHeadModel, tf.GPT2Config(**GPT2, scale_attn_weights=False, n_inner=40,
                                                        activation_function="relu")),
}


def widen(model):
    """Weights of a size at which logits differ from token to token, and norms and biases that do something."""
    with torch.no_grad():
        for p in model.parameters():
            if p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
            else:
                p.mul_(6)


def make_case(out, name, make, config):
    torch.manual_seed(sum(map(ord, name)))
    config._attn_implementation = "eager"
    model = make(config).eval()
    widen(model)
    model.save_pretrained(out / "models" / name)
    ids = torch.randint(3, 64, (1, 40))
    with torch.no_grad():
        logits = model(ids).logits
    cases = out / "cases" / "forward"
    cases.mkdir(parents=True, exist_ok=True)
    file = f"{name}__long.safetensors"
    save_file({"logits": logits.contiguous()}, cases / file)
    case = {
        "schema": 1,
        "id": f"forward/{name}__long",
        "kind": "forward",
        "model": name,
        "call": "model(input_ids).logits",
        "input_ids": ids.tolist(),
        "attention_mask": None,
        "tolerance": {"atol": 5e-4, "rtol": 1e-4},
        "tensors": {"file": file, "entries": {"logits": list(logits.shape)}},
    }
    (cases / f"{name}__long.json").write_text(json.dumps(case, indent=1) + "\n")
    return {"id": case["id"], "kind": "forward", "model": name, "file": f"cases/forward/{name}__long.json"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cases = [make_case(args.out, name, *spec) for name, spec in MODELS.items()]
    index = {
        "schema": 1,
        "about": "options of model families; float32 CPU",
        "versions": {"torch": torch.__version__.split("+")[0], "transformers": tf.__version__},
        "counts": {"forward": len(cases)},
        "cases": cases,
    }
    (args.out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


if __name__ == "__main__":
    main()
