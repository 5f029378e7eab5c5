#!/usr/bin/env python3
"""Write seeded random-weight models in Hugging Face format, for speed measurements only.

  make_models.py --out DIR [--only NAME ...] [--dtypes f32,bf16] [--seed 0] [--layers N]

DIR/NAME-f32 and DIR/NAME-bf16 get config.json, model.safetensors, generation_config.json and a synthetic
byte-level BPE tokenizer (256 bytes + made-up merges) that has exactly the vocabulary size of the shape, so
that converters and servers which insist on a tokenizer also work. The bf16 copy is the f32 one rounded.
max_position_embeddings is raised to 32768 for the RoPE shapes so that long-context runs are in range;
gpt2 keeps its 1024 learned positions. Needs torch, transformers, tokenizers.
"""
import argparse, json, os, time

ROPE_CTX = 32768
SHAPES = {
    # name: (model_type, config)
    "smollm2-135m": ("llama", dict(num_hidden_layers=30, hidden_size=576, num_attention_heads=9, num_key_value_heads=3,
                                   intermediate_size=1536, vocab_size=49152, tie_word_embeddings=True, rope_theta=100000.0,
                                   rms_norm_eps=1e-5)),
    "gpt2-124m": ("gpt2", dict(n_layer=12, n_embd=768, n_head=12, n_positions=1024, n_ctx=1024, vocab_size=50257)),
    "tinyllama-1.1b": ("llama", dict(num_hidden_layers=22, hidden_size=2048, num_attention_heads=32, num_key_value_heads=4,
                                     intermediate_size=5632, vocab_size=32000, tie_word_embeddings=False, rope_theta=10000.0,
                                     rms_norm_eps=1e-5)),
    "qwen2-0.5b": ("qwen2", dict(num_hidden_layers=24, hidden_size=896, num_attention_heads=14, num_key_value_heads=2,
                                 intermediate_size=4864, vocab_size=151936, tie_word_embeddings=True, rope_theta=1000000.0,
                                 rms_norm_eps=1e-6)),
    # 32 query heads of 128 over 8, as Llama 3 8B has them, with little beside them
    "heads-128-160m": ("llama", dict(num_hidden_layers=8, hidden_size=1024, num_attention_heads=32, num_key_value_heads=8, head_dim=128,
                                     intermediate_size=2816, vocab_size=8192, tie_word_embeddings=True, rope_theta=500000.0,
                                     rms_norm_eps=1e-5)),
    # little to compute and a megabyte of keys and values per token: large caches in little time
    "wide-cache": ("llama", dict(num_hidden_layers=32, hidden_size=64, num_attention_heads=16, num_key_value_heads=16, head_dim=256,
                                 intermediate_size=64, vocab_size=1024, tie_word_embeddings=True, rope_theta=10000.0,
                                 rms_norm_eps=1e-6)),
    "mamba-130m": ("mamba", dict(num_hidden_layers=24, hidden_size=768, state_size=16, conv_kernel=4, expand=2, vocab_size=50280)),
}


def byte_alphabet():
    bs = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    cs, n = bs[:], 0
    for b in range(256):
        if b not in bs:
            bs.append(b); cs.append(256 + n); n += 1
    return [chr(c) for c in cs]


def make_tokenizer(path, size, model_max):
    """byte-level BPE with exactly `size` entries: 256 bytes, merges of 2 then 3 bytes, and one special at the end."""
    from tokenizers import Tokenizer, models, pre_tokenizers, decoders, AddedToken
    al = byte_alphabet()
    vocab, merges = {c: i for i, c in enumerate(al)}, []
    def grow():
        for a in al:
            for b in al:
                yield a, b
        for a in al:
            for b in al:
                for c in al:
                    yield a + b, c
    for a, b in grow():
        if len(vocab) >= size - 1:
            break
        if a + b not in vocab:
            vocab[a + b] = len(vocab); merges.append((a, b))
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=False)])
    assert t.get_vocab_size() == size, (t.get_vocab_size(), size)
    t.save(os.path.join(path, "tokenizer.json"))
    json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
               "model_max_length": model_max, "add_bos_token": False, "clean_up_tokenization_spaces": False},
              open(os.path.join(path, "tokenizer_config.json"), "w"))
    json.dump(vocab, open(os.path.join(path, "vocab.json"), "w"))
    open(os.path.join(path, "merges.txt"), "w").write("#version: 0.2\n" + "\n".join(f"{a} {b}" for a, b in merges) + "\n")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    ap.add_argument("--only", nargs="*", choices=sorted(SHAPES), help="only these shapes")
    ap.add_argument("--dtypes", default="f32,bf16")
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--layers", type=int, help="cut the number of layers (for quick tests)")
    a = ap.parse_args()
    import torch, transformers
    for name in a.only or SHAPES:
        kind, kw = SHAPES[name]
        kw = dict(kw)
        eos = kw["vocab_size"] - 1
        kw.update(bos_token_id=eos, eos_token_id=eos)
        if a.layers:
            kw["n_layer" if kind == "gpt2" else "num_hidden_layers"] = a.layers
        if kind != "gpt2":
            kw["max_position_embeddings"] = ROPE_CTX
        cls = {"llama": transformers.LlamaConfig, "gpt2": transformers.GPT2Config, "qwen2": transformers.Qwen2Config,
               "mamba": transformers.MambaConfig}[kind]
        cfg = cls(**kw)
        t0 = time.time()
        torch.manual_seed(a.seed)
        model = transformers.AutoModelForCausalLM.from_config(cfg, torch_dtype=torch.float32).eval()
        n = sum(p.numel() for p in model.parameters())
        for dt in a.dtypes.split(","):
            d = os.path.join(a.out, f"{name}-{dt}")
            os.makedirs(d, exist_ok=True)
            model.to({"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}[dt]).save_pretrained(d, max_shard_size="20GB")
            make_tokenizer(d, kw["vocab_size"], 1024 if kind == "gpt2" else ROPE_CTX)
        print(json.dumps({"name": name, "params": n, "seconds": round(time.time() - t0, 1)}), flush=True)


if __name__ == "__main__":
    main()
