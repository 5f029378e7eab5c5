"""Every cache that keeps everything gives the ids of DynamicCache, on every family that has keys alone.

Ways of generating beside greedy and padded go through a few families, with KVERN_TEST_ALL=1 through all.
"""
import copy
import os

import pytest
import torch
import transformers
from transformers import DynamicCache

import kvern
import support
from support import LOSSLESS, MODES, generate

FAMILIES = support.served_folders()
FEW = [name for name in FAMILIES if name in {"llama", "mistral", "gpt2", "phi3_longrope", "gemma3_text_v4", "gpt_oss", "deepseek_v2"}]


def model_for(family, mode):
    model = support.load(support.folder_of(family))
    return kvern.use_attention(model) if mode == "attend" else model


def may_refuse(model, plugin, mode, message):
    """hybrid drops what no query sees, which it cannot take back, and which masks of transformers 4 do not know; latents reach attention
    only expanded."""
    if plugin == "hybrid" and "older ones are dropped" in message:
        return any(layer["window"] for layer in kvern.layers_of(model.config))
    if mode == "attend":
        return "keys are changed between" in message and any(layer["latent"] for layer in kvern.layers_of(model.config))
    return support.MAJOR < 5 and plugin == "hybrid" and "dropped" in message


def check(family, mode, what, run):
    """run(model, cache) for DynamicCache and for each plugin."""
    want = run(support.load(support.folder_of(family)), DynamicCache())
    different = {}
    for plugin, options in LOSSLESS.items():
        model = model_for(family, mode)
        try:
            got = run(model, kvern.Cache(model, plugin, **options))
        except kvern.UnsupportedError as error:
            assert may_refuse(model, plugin, mode, str(error)), error
            support.note(family, plugin, mode, what, "refused")
            continue
        same = got.shape == want.shape and torch.equal(got, want)
        support.note(family, plugin, mode, what, "same" if same else "DIFFERENT")
        if not same:
            different[plugin] = (got, want)
    assert not different, f"{family}, {mode}, {what}: other ids of {sorted(different)}: {different}"


@pytest.fixture(params=MODES)
def mode(request):
    return request.param


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


@pytest.fixture(params=FAMILIES if os.environ.get("KVERN_TEST_ALL") else FEW)
def one_of_few(request):
    return request.param


@pytest.mark.skipif(transformers.__version__ not in support.LEFT_OUT, reason="not a version that the list is for")
def test_families_are_left_out_for_the_reasons_that_are_listed():
    assert support.left_out() == support.LEFT_OUT[transformers.__version__]


def test_greedy_ids_are_those_of_dynamic_cache(family, mode):
    check(family, mode, "greedy", lambda m, c: generate(m, support.prompts(m, 1, 30), c))


def test_left_padded_rows_give_the_same_ids(family, mode):
    def run(model, cache):
        ids, mask = support.left_padded(support.prompts(model, 3, 24), (7, 0, 13))
        return generate(model, ids, cache, attention_mask=mask)
    check(family, mode, "padded", run)


def test_four_beams_give_the_same_ids(one_of_few, mode):
    check(one_of_few, mode, "4 beams", lambda m, c: generate(m, support.prompts(m, 1, 20), c, n=12, num_beams=4))


def test_sampling_with_a_seed_gives_the_same_ids(one_of_few, mode):
    def run(model, cache):
        torch.manual_seed(11)
        return generate(model, support.prompts(model, 2, 20), cache, do_sample=True, top_k=20)
    check(one_of_few, mode, "sampled", run)


def test_prompt_lookup_gives_the_same_ids(one_of_few, mode):
    def run(model, cache):
        ids = support.prompts(model, 1, 12).repeat(1, 3)
        return generate(model, ids, cache, prompt_lookup_num_tokens=3, eos_token_id=2)
    check(one_of_few, mode, "lookup", run)


def test_chunked_prefill_crop_and_a_copy_in_mid_generation_give_the_same_ids(one_of_few, mode):
    def run(model, cache):
        ids = support.prompts(model, 1, 30)
        for piece in ids.split([13, 1, 1, 15], 1):
            logits = support.feed(model, piece, cache)
        cache.crop(-9)
        support.feed(model, ids[:, 21:25], cache)
        twin = copy.deepcopy(cache)
        chosen = []
        for one in (cache, twin):
            token = logits[:, -1:].argmax(-1) if one is cache else ids[:, :1]
            for _ in range(6):
                token = support.feed(model, token, one)[:, -1:].argmax(-1)
                chosen.append(token)
        return torch.cat(chosen, 1)
    check(one_of_few, mode, "chunks, crop, copy", run)
