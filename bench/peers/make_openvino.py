#!/usr/bin/env python3
"""Writes model folders of make_models.py for OpenVINO: DIR/NAME-bf16 becomes DIR/openvino/NAME-bf16, NAME-bf16-8bit and NAME-bf16-4bit.

  make_openvino.py [--weights stored,8,4] DIR/NAME-bf16 ...

8: int8 with a scale and a zero a channel; 4: int4, symmetric, a scale for 64 inputs, embedding and head in int8: what NNCF makes
of a model without data. Needs torch, openvino, nncf and optimum-intel. An existing folder is kept.
"""
import os

os.environ["HF_HUB_OFFLINE"] = "1"
from optimum.intel import OVModelForCausalLM, OVWeightQuantizationConfig  # noqa: E402

from converting import convert_all  # noqa: E402

FORMATS = {"stored": None, "8": {"bits": 8, "sym": False}, "4": {"bits": 4, "sym": True, "group_size": 64}}


def convert(folder, weights):
    out = folder.parent / "openvino" / (folder.name if weights == "stored" else f"{folder.name}-{weights}bit")
    if out.exists():
        return
    chosen = FORMATS[weights]
    part = out.with_name(out.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    more = {"quantization_config": OVWeightQuantizationConfig(**chosen)} if chosen else {"load_in_8bit": False}
    OVModelForCausalLM.from_pretrained(folder, export=True, compile=False, **more).save_pretrained(part)
    part.rename(out)
    print(out, flush=True)


if __name__ == "__main__":
    convert_all(__doc__, list(FORMATS), list(FORMATS), convert)
