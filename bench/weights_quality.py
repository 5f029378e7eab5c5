#!/usr/bin/env python3
"""What weights of 8 and 4 bits do to a model's predictions, beside Q8_0, Q4_0 and Q4_K, as Markdown.

  weights_quality.py --text FILE [--calibrate FILE] MODEL ... [--kvern build/release/bin/kvern] [--ggml LIB]      needs torch, transformers, numpy, gguf

Each model predicts the text's tokens in pieces of its context length (at most --context), in float32, with all matrices as they are and with those that
kvern packs replaced by what a format keeps of them, the head's too. Activations are not rounded: this is about weights alone. KL is
the mean over positions of the divergence from the predictions with the weights as they are, in millinats; top-1 how often the likeliest
token stays the same; then the perplexity.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
import transformers

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from weights_error import Q4K, gguf_kept, tensors, unpacked  # noqa: E402


def sources(folder, names):
    """By name: the matrix that is packed under it. Of a tied model the packed head bears the name of the table or its own."""
    model = tensors(folder)
    return {name: np.asarray(model[name if name in model else "model.embed_tokens.weight"], np.float32) for name in names}


def kept_by_kvern(kvern, folder, bits, *more):
    """By name: what is kept of each matrix that kvern packs."""
    with tempfile.TemporaryDirectory() as out:
        packed = pathlib.Path(out) / "packed"
        subprocess.run([kvern, "quantize", folder, packed, "--bits", str(bits), "--head-bits", str(bits), *more], check=True,
                       capture_output=True)
        file = tensors(packed)
    names = sorted(name.removesuffix(".codes") for name in file if name.endswith(".codes"))
    return {name: unpacked(name, file, x.shape).astype(np.float32) for name, x in sources(folder, names).items()}


def calibration(options, folder):
    context = min(options.context, transformers.AutoConfig.from_pretrained(folder).max_position_embeddings)
    return "--text", options.calibrate, "--context", str(context), "--windows", "0"


def kept_by_all(options, folder):
    """Pairs of a label and matrices."""
    for bits, kind in ((8, "Q8_0"), (4, "Q4_0")):
        ours = kept_by_kvern(options.kvern, folder, bits)
        yield f"kvern, {bits} bits", ours
        if options.calibrate:
            yield f"kvern, {bits} bits, calibrated", kept_by_kvern(options.kvern, folder, bits, *calibration(options, folder))
        matrices = sources(folder, ours)
        yield kind, {name: gguf_kept(x, kind) for name, x in matrices.items()}
    if options.ggml and all(x.shape[1] % 256 == 0 for x in matrices.values()):
        yield "Q4_K", {name: gguf_kept(x, options.ggml) for name, x in matrices.items()}


def with_weights(folder, matrices):
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    parameters = {name: module for name, module in model.named_modules() if isinstance(module, torch.nn.Linear)}
    for name, matrix in matrices.items():
        at = name.removesuffix(".weight")
        module = parameters["lm_head" if at not in parameters else at]
        module.weight = torch.nn.Parameter(torch.from_numpy(np.ascontiguousarray(matrix)))  # a tied table of embeddings stays
    return model


def predictions(model, pieces):
    with torch.no_grad():
        return torch.cat([model(piece[None]).logits[0].double().log_softmax(-1) for piece in pieces])


def figures(reference, found, pieces):
    kl = (reference.exp() * (reference - found)).sum(-1).mean().item()
    top = (reference.argmax(-1) == found.argmax(-1)).double().mean().item()
    start, losses = 0, []
    for piece in pieces:
        rows = found[start : start + len(piece) - 1]
        losses.append(-rows.gather(1, piece[1:, None]))
        start += len(piece)
    return f"{1e3 * kl:.3f} | {100 * top:.2f} | {torch.cat(losses).mean().exp().item():.4f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path, required=True)
    parser.add_argument("--calibrate", metavar="FILE", help="another text, for `kvern quantize --text`")
    parser.add_argument("--kvern", default=str(HERE.parent / "build/release/bin/kvern"))
    parser.add_argument("--ggml", type=Q4K, help="libggml-base.so of llama.cpp, for Q4_K")
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=8192)
    a = parser.parse_args()
    print("| model | weights | KL, millinats | top-1, % | perplexity |\n|---|---|---|---|---|")
    for folder in a.models:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        plain = with_weights(folder, {})
        ids = torch.tensor(tokenizer(a.text.read_text())["input_ids"][: a.tokens])
        pieces = ids.split(min(a.context, plain.config.max_position_embeddings))
        reference = predictions(plain, pieces)
        print(f"| {folder.name} | as stored | {figures(reference, reference, pieces)} |")
        for label, kept in kept_by_all(a, folder):
            print(f"| | {label} | {figures(reference, predictions(with_weights(folder, kept), pieces), pieces)} |", flush=True)


if __name__ == "__main__":
    main()
