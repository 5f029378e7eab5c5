#!/usr/bin/env python3
"""Writes model folders of make_models.py and random_weights.py as GGUF files for llama.cpp: DIR/NAME-f32 becomes DIR/gguf/NAME-f32.gguf.

  make_gguf.py [--weights stored,8,4] DIR/NAME-f32 [DIR/NAME-bf16 ...]

8 and 4 add Q8_0 and Q4_0: DIR/gguf/NAME-f32-8bit.gguf, NAME-f32-4bit.gguf. Beside Q4_0 embedding and head are Q8_0, as llama.cpp's own quantizer
makes them where the width is no multiple of 256. For random weights only: shapes, types and places are right, but rows of queries and keys are not reordered to
llama.cpp's way of rotating, and no tokenizer is written. Needs torch, safetensors and gguf. An existing file is kept.
"""
import json

import gguf
import torch
from safetensors import safe_open

from converting import convert_all

ARCHITECTURES = {"llama": gguf.MODEL_ARCH.LLAMA, "gpt2": gguf.MODEL_ARCH.GPT2, "qwen2": gguf.MODEL_ARCH.QWEN2,
                 "qwen3": gguf.MODEL_ARCH.QWEN3, "gemma3_text": gguf.MODEL_ARCH.GEMMA3}


def describe(writer, config):
    """The header: what llama.cpp must know to build the graph."""
    if config["model_type"] == "gpt2":
        writer.add_context_length(config["n_positions"])
        writer.add_embedding_length(config["n_embd"])
        writer.add_feed_forward_length(4 * config["n_embd"])
        writer.add_block_count(config["n_layer"])
        writer.add_head_count(config["n_head"])
        writer.add_layer_norm_eps(config["layer_norm_epsilon"])
    else:
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_block_count(config["num_hidden_layers"])
        writer.add_head_count(config["num_attention_heads"])
        writer.add_head_count_kv(config["num_key_value_heads"])
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
        writer.add_rope_dimension_count(dim)
        writer.add_key_length(dim)
        writer.add_value_length(dim)
        rope = config.get("rope_parameters") or config
        writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
        if config.get("sliding_window"):
            writer.add_sliding_window(config["sliding_window"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("none")


def is_transposed(config, name):
    """GPT-2 stores the weights of its products as [in, out]."""
    return config["model_type"] == "gpt2" and name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight"))


QUANTIZED = {"8": gguf.GGMLQuantizationType.Q8_0, "4": gguf.GGMLQuantizationType.Q4_0}
HEADS = ("token_embd.weight", "output.weight")


def add_tensor(writer, name, tensor, weights):
    # llama.cpp wants vectors in f32, whatever the matrices are
    if tensor.dim() == 2 and weights in QUANTIZED:
        kind = QUANTIZED["8" if name in HEADS else weights]
        writer.add_tensor(name, gguf.quants.quantize(tensor.float().contiguous().numpy(), kind), raw_dtype=kind)
    elif tensor.dim() == 1 or tensor.dtype == torch.float32:
        writer.add_tensor(name, tensor.float().contiguous().numpy())
    else:
        data = tensor.contiguous().view(torch.uint8).numpy()
        writer.add_tensor(name, data, raw_dtype=gguf.GGMLQuantizationType.BF16)


def convert(folder, weights):
    out = folder.parent / "gguf" / (f"{folder.name}.gguf" if weights == "stored" else f"{folder.name}-{weights}bit.gguf")
    if out.exists():
        return
    config = json.loads((folder / "config.json").read_text())
    architecture = ARCHITECTURES[config["model_type"]]
    layers = config.get("num_hidden_layers") or config["n_layer"]
    names = gguf.get_tensor_name_map(architecture, layers)
    out.parent.mkdir(exist_ok=True)
    part = out.with_suffix(".part")
    writer = gguf.GGUFWriter(part, gguf.MODEL_ARCH_NAMES[architecture])
    describe(writer, config)
    with safe_open(folder / "model.safetensors", "pt") as file:
        for name in file.keys():
            new_name = names.get_name(name, try_suffixes=(".weight", ".bias"))
            if new_name is None:
                continue  # masks that some files of GPT-2 carry
            tensor = file.get_tensor(name)
            add_tensor(writer, new_name, tensor.T if is_transposed(config, name) else tensor, weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.rename(out)
    print(out)


if __name__ == "__main__":
    convert_all(__doc__, ["stored", *QUANTIZED], ["stored"], convert)
