"""What the tests share: models, caches that keep everything, and the table of what was the same."""
import copy
import os
import pathlib

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

import kvern

MAJOR = int(transformers.__version__.split(".")[0])
SOURCE = pathlib.Path(__file__).resolve().parents[2]
LOSSLESS = {"dynamic": {}, "static": {"max_cache_len": 160}, "batching": {"max_cache_len": 160}, "paged": {"block_size": 32}, "offloaded": {},
            "hybrid": {}, "evicting": {"budget_tokens": 4096}, "quantized": {"nbits": 8, "residual_length": 256}}
MODES = ("update", "attend") if MAJOR >= 5 else ("update",)
TABLE = {}  # (family, plugin, mode): {what: outcome}


UNKNOWN, FEW_POSITIONS, NO_CACHE_CLASS = "unknown to transformers", "few positions", "no Cache class"
LEFT_OUT = {  # by version of transformers: the project's own models that test_generate leaves out, and why
    "5.24.0": dict.fromkeys(("gpt2_no_scale", "gpt2_scales", "llama_dynamic"), FEW_POSITIONS),
    "4.47.1": {"gpt2": NO_CACHE_CLASS, "llama_dynamic": FEW_POSITIONS,
               **dict.fromkeys(("cohere2_v4", "deepseek_v2", "deepseek_v3", "exaone4_v4", "gemma3_text_v4", "glm4_v4", "gpt_oss", "ministral3",
                                "ministral_v4", "qwen3_moe", "qwen3_window", "smollm3_v4"), UNKNOWN)}}


def own_roots():
    roots = [SOURCE / "tests/reference/decoders", SOURCE / "tests/reference/recent"]
    return roots + ([SOURCE / "tests/reference/decoder_options"] if MAJOR >= 5 else [])  # options that transformers 4 has not, or not as documented


def other_roots():
    return [pathlib.Path(part) for part in os.environ.get("KVERN_REFERENCE_DIRS", "").split(":") if part]


def folders(roots=None):
    """Folders of reference models: the project's own and those of KVERN_REFERENCE_DIRS."""
    found = {}
    for root in roots or own_roots() + other_roots():
        for folder in sorted((root / "models").glob("*/")):
            name = folder.name
            if (folder / "model.safetensors").is_file() and not name.endswith("_assistant"):
                found.setdefault(name, folder)
    twice = [name for name in found if name.endswith("_v4") and name[:-3] in found]  # config.json as transformers 4 writes it
    return {name: folder for name, folder in found.items() if name not in twice}


def folder_of(name):
    return folders()[name]


def why_left_out(folder):
    """None for a model that this transformers knows, that has positions for the tests, and whose layers hold keys alone."""
    try:
        config = AutoConfig.from_pretrained(folder)
    except (ValueError, KeyError):
        return UNKNOWN
    try:
        kvern.layers_of(config)
    except kvern.UnsupportedError as error:
        return str(error)
    if (getattr(config, "max_position_embeddings", None) or 64) < 64:
        return FEW_POSITIONS
    return None if MAJOR >= 5 or AutoModelForCausalLM.from_config(config)._supports_cache_class else NO_CACHE_CLASS


def left_out():
    """{name: why} of the project's own models."""
    reasons = {name: why_left_out(folder) for name, folder in folders(own_roots()).items()}
    return {name: reason for name, reason in reasons.items() if reason}


def served_folders():
    """Names of the models that are served."""
    return sorted(name for name, folder in folders().items() if not why_left_out(folder))


_loaded = {}


def load(folder, **more):
    """A fresh model: dynamic NTK keeps a state in it."""
    key = (folder, tuple(more))
    if key not in _loaded:
        _loaded[key] = AutoModelForCausalLM.from_pretrained(folder, **more).eval()
        _loaded[key].generation_config = transformers.GenerationConfig(pad_token_id=0)
    return copy.deepcopy(_loaded[key])


def prompts(model, rows, length, seed=0):
    return torch.randint(5, model.config.vocab_size, (rows, length), generator=torch.Generator().manual_seed(seed))


def left_padded(ids, pads):
    ids, mask = ids.clone(), torch.ones_like(ids)
    for row, pad in enumerate(pads):
        ids[row, :pad], mask[row, :pad] = 0, 0
    return ids, mask


def generate(model, ids, cache, n=20, **more):
    more.setdefault("do_sample", False)
    return model.generate(ids, past_key_values=cache, max_new_tokens=n, **more)


def feed(model, ids, cache):
    """Logits of one pass, [B, n, V]."""
    return model(ids, past_key_values=cache, use_cache=True).logits


def crop(cache, n):
    cache.crop(-n)


def note(family, plugin, mode, what, outcome):
    TABLE.setdefault((family, plugin, mode), {})[what] = outcome


def write_table(folder):
    """build/python-table-<transformers>.md: by family and plugin, what the ids were beside DynamicCache's."""
    if not TABLE or not folder.is_dir():
        return
    columns = list(dict.fromkeys(what for row in TABLE.values() for what in row))
    lines = ["| family | cache | mode | " + " | ".join(columns) + " |", "| --- " * (3 + len(columns)) + "|"]
    for (family, plugin, mode), row in sorted(TABLE.items()):
        lines.append(f"| {family} | {plugin} | {mode} | " + " | ".join(row.get(what, "") for what in columns) + " |")
    (folder / f"python-table-{transformers.__version__}.md").write_text("\n".join(lines) + "\n")
