#!/usr/bin/env python3
"""Small random models of every family with settings drawn at random, and what transformers computes with them.

    make_reference.py --out DIR [--seed 1] [--count 10] [--only FAMILY ...] [--indices I ...]

Each model of `options.py` is saved as transformers 5 writes it. By chance its config.json then loses the keys that equal the default
of its configuration class, or gets the names that transformers 4 used; the folder is loaded once more, and what transformers
computes of it is written as cases of the kinds `forward` (a few lengths, and a batch padded on the left) and `stepwise_forward`
(chunks; expected are the logits of one call). Models whose float32 is far from their float64 get other weights, so that any right
implementation is within the tolerance. `kvern-reference DIR` replays the cases. Needs torch and transformers 5; the same seed
gives the same bytes.
"""
import argparse
import copy
import json
import random
import shutil
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file

import options
from weights import randomize

TOLERANCE = {"atol": 5e-4, "rtol": 1e-4}
PRECISION = 8e-5
CHUNKS = [3, 5, 1, 4]
TRANSFORMERS_4 = {"dtype": "torch_dtype"}


def random_ids(r, rows, length, vocab):
    return torch.tensor([[r.randrange(3, vocab) for _ in range(length)] for _ in range(rows)])


def left_padded(r, lengths, vocab):
    width = max(lengths)
    rows = [random_ids(r, 1, n, vocab)[0].tolist() for n in lengths]
    return (torch.tensor([[0] * (width - len(x)) + x for x in rows]), torch.tensor([[0] * (width - len(x)) + [1] * len(x) for x in rows]))


def forward(model, ids, mask=None):
    """Logits of one call; of padded rows those of each row alone, which biases in front of a convolution would change."""
    if mask is not None:
        alone = [forward(model, row[padding == 1][None])[0] for row, padding in zip(ids, mask)]
        return torch.stack([torch.cat([x.new_zeros(ids.shape[1] - len(x), x.shape[1]), x]) for x in alone])
    more = {} if model.config.model_type == "mamba" else {"position_ids": torch.arange(ids.shape[1])[None]}
    return model(ids, use_cache=False, **more).logits


def class_of(family):
    if family == "whisper":
        return transformers.WhisperForConditionalGeneration
    return transformers.AutoModelForSeq2SeqLM if family in options.ENCODER_DECODERS else transformers.AutoModelForCausalLM


def load(folder, dtype=torch.float32):
    kind = json.loads((folder / "config.json").read_text())["model_type"]
    return class_of(kind).from_pretrained(folder, dtype=dtype, attn_implementation="eager", experts_implementation="eager").eval()


def default_of(config):
    return json.loads(json.dumps(type(config)().to_dict(), default=str))


def without_defaults(text, config):
    """config.json without the keys that the configuration class would fill in alike."""
    default = default_of(config)
    return {k: v for k, v in text.items() if k in ("model_type", "architectures") or k not in default or default[k] != v}


def as_transformers_4(text):
    """config.json with rope_theta and rope_scaling instead of rope_parameters."""
    text = dict(text)
    for new, old in TRANSFORMERS_4.items():
        if new in text:
            text[old] = text.pop(new)
    rope = text.get("rope_parameters")
    if rope is None or "rope_type" not in rope:
        return text
    text.pop("rope_parameters")
    rope = dict(rope)
    text["rope_theta"] = rope.pop("rope_theta")
    if "partial_rotary_factor" in rope:
        text["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    text["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    return text


def edit_config(folder, model, r):
    """One of the ways in which the same configuration may be written; kept where transformers still reads the same model."""
    path = folder / "config.json"
    whole = path.read_text()
    text = json.loads(whole)
    if r.random() < 0.5:
        text = without_defaults(text, model.config)
    if r.random() < 0.4 and model.config.model_type not in ("bamba", "ministral3"):
        text = as_transformers_4(text)
    if r.random() < 0.3:
        text.pop("layer_types", None)
    path.write_text(json.dumps(text, indent=1) + "\n")
    try:
        same = torch.equal(probe(load(folder)), probe(load_text(folder, whole)))
    except Exception as e:  # a spelling that this version does not read
        same, why = False, e
        print("   not this spelling:", type(why).__name__, str(why)[:100])
    if not same:
        path.write_text(whole)


def probe(model):
    if model.config.is_encoder_decoder:
        return run_encoder_decoder(model, *encoder_decoder_run(model, random.Random(5)))[1]
    return forward(model, torch.arange(3, 43)[None])


def load_text(folder, text):
    path = folder / "config.json"
    now = path.read_text()
    path.write_text(text)
    try:
        return load(folder)
    finally:
        path.write_text(now)


class Cases:
    def __init__(self, out, name):
        self.folder, self.name, self.model = out / "cases", name, f"models/{name}"
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, kind, case, body, tensors):
        base = f"{self.name}__{case}"
        save_file({k: v.contiguous() for k, v in tensors.items()}, self.folder / f"{base}.safetensors")
        record = {"schema": 1, "kind": kind, "case": base, "model": self.model, "tolerance": TOLERANCE, **body,
                  "tensors_file": f"{base}.safetensors"}
        (self.folder / f"{base}.json").write_text(json.dumps(record, indent=1) + "\n")

    def forward(self, case, ids, mask, logits):
        self.write("forward", case, {"input_ids": ids.tolist(), "attention_mask": None if mask is None else mask.tolist()}, {"logits": logits})

    def stepwise(self, whole, ids, logits):
        sizes, begin = [], 0
        while begin < ids.shape[1]:
            sizes.append(min(CHUNKS[len(sizes) % len(CHUNKS)], ids.shape[1] - begin))
            begin += sizes[-1]
        self.write("stepwise_forward", "stepwise", {"inputs": {"input_ids": ids.tolist()}, "chunks": sizes,
                                                    "whole_logits_in": f"{self.name}__{whole}.json"}, {"stepwise_logits": logits})


def encoder_decoder_run(model, r):
    """The case's inputs, what the encoder gives, the decoder's logits, and tensors that are inputs; as a function of the model's dtype."""
    c = model.config
    prompt = random_ids(r, 2, 7, c.vocab_size)
    prompt[:, 0] = c.decoder_start_token_id
    if c.model_type == "whisper":
        features = torch.randn(2, c.num_mel_bins, 2 * c.max_source_positions, generator=torch.Generator().manual_seed(r.randrange(1 << 30)))
        return {"input_features": features}, prompt
    lengths = [r.randrange(3, 12), 14]
    ids = random_ids(r, 2, 14, c.vocab_size)
    mask = torch.tensor([[int(t < n) for t in range(14)] for n in lengths])
    return {"input_ids": torch.where(mask == 1, ids, c.pad_token_id), "attention_mask": mask}, prompt


def run_encoder_decoder(model, inputs, prompt):
    inputs = {k: v.to(model.dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    out = model(**inputs, decoder_input_ids=prompt, use_cache=False)
    hidden = out.encoder_last_hidden_state
    if "attention_mask" in inputs:
        hidden = hidden * inputs["attention_mask"][..., None]
    return hidden, out.logits


def record_encoder_decoder(out, name, model, r):
    inputs, prompt = encoder_decoder_run(model, r)
    hidden, logits = run_encoder_decoder(model, inputs, prompt)
    hidden64, logits64 = run_encoder_decoder(copy.deepcopy(model).double(), inputs, prompt)
    if max((hidden64 - hidden).abs().max(), (logits64 - logits).abs().max()) > PRECISION:
        return False
    cases, tensors = Cases(out, name), {"encoder_last_hidden_state": hidden, "decoder_logits": logits}
    described = {"decoder_input_ids": prompt.tolist()}
    if "input_features" in inputs:
        tensors |= {"input_features": inputs["input_features"]}
        described["input_features"] = {"from": [f"cases/{name}__forward.safetensors"], "tensor": "input_features"}
    else:
        described |= {k: v.tolist() for k, v in inputs.items()}
        tensors.pop("encoder_last_hidden_state")  # what it is at padding does not matter
    cases.write("encoder_decoder_forward", "forward", {"inputs": described}, tensors)
    return True


def rope_kinds(config):
    table = getattr(config, "rope_parameters", None) or {}
    tables = [table] if "rope_type" in table else [t for t in table.values() if isinstance(t, dict)]
    return {t["rope_type"] for t in tables}


def record(out, name, model, r):
    """False if these weights are not precise enough."""
    if model.config.is_encoder_decoder:
        return record_encoder_decoder(out, name, model, r)
    double = copy.deepcopy(model).double()
    vocab, kinds = model.config.vocab_size, rope_kinds(model.config)
    runs = {"len1": (random_ids(r, 1, 1, vocab), None), "len12": (random_ids(r, 2, 12, vocab), None), "len40": (random_ids(r, 1, 40, vocab), None)}
    if kinds & {"dynamic", "linear", "yarn", "llama3"}:
        runs["len80"] = (random_ids(r, 1, 80, vocab), None)
    if "longrope" not in kinds and model.config.model_type != "gpt2":
        runs["left_padded"] = left_padded(r, [5, 13, 9], vocab)
    if getattr(model.config, "original_max_position_embeddings", None) or "longrope" in kinds:
        runs.pop("len80", None)
    done = {}
    for case, (ids, mask) in runs.items():
        logits = forward(model, ids, mask)
        if (forward(double, ids, mask) - logits).abs().max().item() > PRECISION:
            return False
        done[case] = (ids, mask, logits)
    cases = Cases(out, name)
    for case, run in done.items():
        cases.forward(case, *run)
    if "longrope" not in kinds:
        cases.stepwise("len40", done["len40"][0], done["len40"][2])
    return True


def make(out, family, seed, index):
    name = f"{family}_{index}"
    r = random.Random(f"{seed}/{family}/{index}")
    keywords = options.draw(family, r)
    for attempt in range(20):
        torch.manual_seed(attempt)
        config = transformers.AutoConfig.for_model(family, **copy.deepcopy(keywords))
        config._attn_implementation, config._experts_implementation = "eager", "eager"
        model = (class_of(family)(config) if family == "whisper" else class_of(family).from_config(config, dtype=torch.float32)).eval()
        randomize(model, attempt)
        folder = out / "models" / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        edit_config(folder, model, random.Random(f"{seed}/{family}/{index}/text"))
        if record(out, name, load(folder), random.Random(f"{seed}/{family}/{index}/{attempt}")):
            return keywords
    raise RuntimeError("no weights are precise enough")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--only", nargs="*", choices=sorted({**options.FAMILIES, **options.ENCODER_DECODERS}))
    parser.add_argument("--indices", nargs="*", type=int)
    a = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for family in a.only or {**options.FAMILIES, **options.ENCODER_DECODERS}:
        for index in a.indices or range(a.count):
            try:
                make(a.out, family, a.seed, index)
                print(family, index, "made", flush=True)
            except Exception as e:  # transformers refuses some combinations
                print(family, index, "not made:", type(e).__name__, str(e)[:200], flush=True)


if __name__ == "__main__":
    main()
