#!/usr/bin/env python3
"""Writes tests/reference/quantized: small checkpoints as GPTQ and AWQ publish them, and what they say.

  make_folders.py [OUT]        needs numpy

Made from the formats' descriptions: codes are drawn, packed as each format packs them, and dequantized; a Llama of one layer
is run on the dequantized weights in double precision. expected.json has the prompt and the ids that it continues with; the
seed is one for which the best logit is well ahead of the next everywhere. gguf_errors.json is written by gguf_errors.py.
"""
import json, pathlib, struct, sys
import numpy as np

DIM, INNER, HEADS, KV, HEAD, VOCAB = 64, 128, 2, 1, 32, 48
PROMPT, NEW = [5, 17, 3, 40, 22], 16
SHAPES = {"self_attn.q_proj": (HEADS * HEAD, DIM), "self_attn.k_proj": (KV * HEAD, DIM), "self_attn.v_proj": (KV * HEAD, DIM),
          "self_attn.o_proj": (DIM, HEADS * HEAD), "mlp.gate_proj": (INNER, DIM), "mlp.up_proj": (INNER, DIM),
          "mlp.down_proj": (DIM, INNER)}
AWQ_ORDER = [0, 2, 4, 6, 1, 3, 5, 7]  # place i of a word holds this output


def words(codes, axis, order=range(8)):
    """Eight codes of 4 bits in a 32-bit word, along an axis; place i holds the code `order[i]` of the eight."""
    codes = np.moveaxis(codes, axis, 0).astype(np.uint32)
    packed = sum(codes[np.arange(0, len(codes), 8) + order[i]] << np.uint32(4 * i) for i in range(8))
    return np.ascontiguousarray(np.moveaxis(packed, 0, axis)).view(np.int32)


def quantized(rng, out, inner, group, gptq, act_order):
    """Tensors of one layer [by suffix], and its dequantized weight [out, in]."""
    groups = inner // group
    codes, zeros = rng.integers(0, 16, (inner, out)), rng.integers(5, 12, (groups, out))
    scales = (rng.uniform(0.5, 1.5, (groups, out)) * 0.25 / np.sqrt(inner)).astype(np.float16)
    of_input = np.arange(inner) // group
    if act_order:
        rng.shuffle(of_input)
    weight = (codes - zeros[of_input]) * scales[of_input].astype(np.float64)
    tensors = {"scales": scales}
    if gptq:
        tensors.update(qweight=words(codes, 0), qzeros=words(zeros - 1, 1), g_idx=of_input.astype(np.int32))
    else:
        tensors.update(qweight=words(codes, 1, AWQ_ORDER), qzeros=words(zeros, 1, AWQ_ORDER))
    return tensors, weight.T


def norm(x, weight):
    return weight * x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6)


def rotated(x, theta=10000.0):  # [T, heads, HEAD]
    angles = np.arange(len(x))[:, None] / theta ** (np.arange(0, HEAD, 2) / HEAD)
    cos, sin = np.cos(angles)[:, None], np.sin(angles)[:, None]
    a, b = x[..., : HEAD // 2], x[..., HEAD // 2 :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def logits(ids, w):
    x = w["embed"][ids]
    h = norm(x, w["norm1"])
    q = rotated((h @ w["self_attn.q_proj"].T).reshape(-1, HEADS, HEAD))
    k = rotated((h @ w["self_attn.k_proj"].T).reshape(-1, KV, HEAD)).repeat(HEADS // KV, 1)
    v = (h @ w["self_attn.v_proj"].T).reshape(-1, KV, HEAD).repeat(HEADS // KV, 1)
    scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(HEAD)
    scores += np.where(np.tril(np.ones(scores.shape[1:])) > 0, 0, -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    attended = np.einsum("hqk,khd->qhd", p / p.sum(-1, keepdims=True), v)
    x = x + attended.reshape(len(ids), -1) @ w["self_attn.o_proj"].T
    h = norm(x, w["norm2"])
    gate = h @ w["mlp.gate_proj"].T
    x = x + (gate / (1 + np.exp(-gate)) * (h @ w["mlp.up_proj"].T)) @ w["mlp.down_proj"].T
    return norm(x, w["norm3"]) @ w["head"].T


def greedy(w):
    """The continuation, and by how much the best logit leads at least, in standard deviations."""
    ids, margin = list(PROMPT), np.inf
    for _ in range(NEW):
        last = logits(ids, w)[-1]
        order = np.sort(last)
        margin = min(margin, (order[-1] - order[-2]) / last.std())
        ids.append(int(last.argmax()))
    return ids[len(PROMPT) :], margin


def make(seed, group, gptq, act_order):
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    prefix = "model.layers.0."
    tensors = {"model.embed_tokens.weight": draw(VOCAB, DIM), "lm_head.weight": draw(VOCAB, DIM)}
    for name in ("model.norm", prefix + "input_layernorm", prefix + "post_attention_layernorm"):
        tensors[name + ".weight"] = 1 + 0.1 * draw(DIM)
    w = {"embed": tensors["model.embed_tokens.weight"], "head": tensors["lm_head.weight"],
         "norm1": tensors[prefix + "input_layernorm.weight"], "norm2": tensors[prefix + "post_attention_layernorm.weight"],
         "norm3": tensors["model.norm.weight"]}
    for name, (out, inner) in SHAPES.items():
        parts, w[name] = quantized(rng, out, inner, inner if group == -1 else group, gptq, act_order)
        tensors.update({f"{prefix}{name}.{suffix}": tensor for suffix, tensor in parts.items()})
    return tensors, w


def safetensors(path, tensors):
    kinds = {"float32": "F32", "float16": "F16", "int32": "I32"}
    header, at = {}, 0
    for name in sorted(tensors, key=lambda n: -tensors[n].itemsize):
        t = tensors[name]
        header[name] = {"dtype": kinds[str(t.dtype)], "shape": list(t.shape), "data_offsets": [at, at + t.nbytes]}
        at += t.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(np.ascontiguousarray(tensors[name]).tobytes() for name in header)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def config(quantization):
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": DIM, "intermediate_size": INNER,
            "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KV, "head_dim": HEAD,
            "vocab_size": VOCAB, "tie_word_embeddings": False, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
            "max_position_embeddings": 256, "torch_dtype": "float32", "quantization_config": quantization}


def write(folder, group, gptq, act_order, quantization):
    for seed in range(10000):
        tensors, w = make(seed, group, gptq, act_order)
        ids, margin = greedy(w)
        if margin > 0.15 and len(set(ids)) > 4:
            break
    folder.mkdir(parents=True, exist_ok=True)
    safetensors(folder / "model.safetensors", tensors)
    (folder / "config.json").write_text(json.dumps(config(quantization), indent=1) + "\n")
    (folder / "expected.json").write_text(json.dumps({"prompt": PROMPT, "ids": ids}) + "\n")
    print(folder.name, "seed", seed, "margin %.2f" % margin, ids)


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parents[1] / "quantized"
    gptq = lambda group, act: {"quant_method": "gptq", "bits": 4, "group_size": group, "desc_act": act, "sym": False}
    write(out / "gptq", 32, True, False, gptq(32, False))
    write(out / "gptq_act_order", 32, True, True, gptq(32, True))
    write(out / "gptq_whole", -1, True, False, gptq(-1, False))
    write(out / "awq", 64, False, False,
          {"quant_method": "awq", "bits": 4, "group_size": 64, "version": "gemm", "zero_point": True})
