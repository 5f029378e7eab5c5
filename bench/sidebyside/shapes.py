"""What a decode step of a model must read: bytes of weights, numbers of the cache per position."""
import json
import math
import struct

from programs import STORED, packed_of

SIZES = {"F64": 8, "F32": 4, "BF16": 2, "F16": 2, "U16": 2, "U8": 1}
NUMBER_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "f32": 4, "f16": 2, "bf16": 2, "q8_0": 34 / 32, "q4_0": 18 / 32}
LAST_STEPS = 24  # positions kept free behind the greatest depth


def tensor_bytes(path):
    """{name: bytes} of a safetensors file, from its header."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    return {name: math.prod(t["shape"]) * SIZES[t["dtype"]] for name, t in header.items() if name != "__metadata__"}


def read_bytes(folder):
    """Of the weights of a model of any family: what a step of one token reads."""
    sizes = tensor_bytes(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    return sum(sizes.values()) - unread_bytes(sizes) - unread_experts(sizes, config)


class Shape:
    """Of a folder as stored, or with packed weights: then beside the folder that it was made of."""

    def __init__(self, stored, weights=STORED):
        folder = packed_of(stored, weights)
        config = json.loads((folder / "config.json").read_text())
        self.stored, self.folder, self.weights = stored, folder, weights
        self.name, self.short_dtype = stored.name.rsplit("-", 1)
        self.dtype = {"f32": "float32", "bf16": "bfloat16"}[self.short_dtype]
        self.weight_bytes = sum(tensor_bytes(folder / "model.safetensors").values())
        self.read_bytes = read_bytes(folder)
        layers = config.get("num_hidden_layers") or config["n_layer"]
        heads = config.get("num_attention_heads") or config["n_head"]
        width = config.get("hidden_size") or config["n_embd"]
        kv_heads = config.get("num_key_value_heads") or heads
        self.numbers_per_position = 2 * layers * kv_heads * (config.get("head_dim") or width // heads)
        self.positions = config.get("max_position_embeddings") or config["n_positions"]
        self.last_depth = self.positions - LAST_STEPS

    def record(self):
        return {"part": "shape", "model": self.name, "dtype": self.dtype, "weights": self.weights, "weight_bytes": self.weight_bytes,
                "read_bytes": self.read_bytes, "numbers_per_position": self.numbers_per_position,
                "positions": self.positions, "last_depth": self.last_depth}


def unread_experts(sizes, config):
    """Of a mixture a step of one token reads the experts that it goes through."""
    experts = config.get("num_local_experts") or config.get("num_experts") or config.get("n_routed_experts")
    if not experts:
        return 0
    routed = sum(n for name, n in sizes.items() if ".experts." in name)
    return round(routed * (1 - config["num_experts_per_tok"] / experts))


def unread_bytes(sizes):
    """Tables of which a step reads one row: positions, and the embedding where the output has weights or codes of its own."""
    unread = sum(n for name, n in sizes.items() if name.endswith("wpe.weight"))
    unread += sum(n for name, n in sizes.items() if name + ".codes" in sizes)
    if any(name.startswith("lm_head.weight") for name in sizes):
        unread += sum(n for name, n in sizes.items() if name.endswith(("embed_tokens.weight", "wte.weight")))
    return unread
