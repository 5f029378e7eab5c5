"""The verbs of a cache beside those of DynamicCache, on a small Llama."""
import copy
import pickle

import pytest
import torch
from transformers import DynamicCache, StaticCache

import kvern
import support
from kvern.native import NativeCache
from support import MAJOR, MODES, feed, generate

CLOSE = dict(rtol=0, atol=2e-4)


@pytest.fixture(params=MODES)
def model(request, llama):
    return kvern.use_attention(llama) if request.param == "attend" else llama


@pytest.fixture
def plain():
    return support.load(support.folder_of("llama"))


def both(model, plain, *pieces):
    """A kvern cache and a DynamicCache that were given the same pieces."""
    ours, theirs = kvern.Cache(model), DynamicCache()
    for piece in pieces:
        feed(model, piece, ours), feed(plain, piece, theirs)
    return ours, theirs


def check_next(model, plain, ours, theirs, ids):
    torch.testing.assert_close(feed(model, ids, ours), feed(plain, ids, theirs), **CLOSE)
    assert ours.get_seq_length() == theirs.get_seq_length()


def test_rows_are_reordered_repeated_and_selected(model, plain, ids):
    ours, theirs = both(model, plain, ids[:, :10].expand(2, 10) + torch.tensor([[0], [1]]))
    for cache in (ours, theirs):
        cache.reorder_cache(torch.tensor([1, 0]))
        cache.batch_repeat_interleave(3)
    check_next(model, plain, ours, theirs, ids[:, 10:12].expand(6, 2))
    for cache in (ours, theirs):
        cache.batch_select_indices(torch.tensor([4, 0]))
    check_next(model, plain, ours, theirs, ids[:, 12:13].expand(2, 1))
    mask = torch.tensor([False, True])
    ours.batch_select_indices(mask), theirs.batch_select_indices(mask)
    check_next(model, plain, ours, theirs, ids[:, 13:14])


def test_a_batch_is_split_and_joined_again(model, plain, ids):
    rows = support.prompts(model, 4, 9)
    ours, theirs = both(model, plain, rows)
    parts = ours.batch_split(4, 2)
    assert [part.get_seq_length() for part in parts] == [9, 9]
    joined = kvern.Cache.from_batch_splits(parts)
    check_next(model, plain, joined, copy.deepcopy(theirs), rows[:, :2])
    check_next(model, plain, ours, theirs, rows[:, :2])


def test_a_pass_that_breaks_leaves_no_trace(model, plain, ids):
    ours, theirs = both(model, plain, ids[:, :20])
    hook = model.model.layers[1].mlp.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(MemoryError("in the middle")))
    with pytest.raises(MemoryError):
        feed(model, ids[:, 20:26], ours)
    hook.remove()
    assert ours.get_seq_length() == 20
    check_next(model, plain, ours, theirs, ids[:, 20:26])


def test_a_first_pass_that_breaks_leaves_no_trace(model, plain, ids):
    ours = kvern.Cache(model)
    hook = model.model.layers[2].mlp.register_forward_pre_hook(lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        feed(model, ids, ours)
    hook.remove()
    assert ours.get_seq_length() == 0 and ours.info()["tokens"] == 0
    check_next(model, plain, ours, DynamicCache(), ids[:, :7])


def test_reset_begins_anew_with_another_batch(model, plain, ids):
    ours, _ = both(model, plain, ids)
    ours.reset()
    assert ours.get_seq_length() == 0
    check_next(model, plain, ours, DynamicCache(), support.prompts(model, 3, 5))


def test_crop_takes_back_any_number_of_tokens(model, plain, ids):
    ours, theirs = both(model, plain, ids[:, :12], ids[:, 12:13], ids[:, 13:14])
    for n in (0, 1, 5):
        ours.crop(-n if n or MAJOR >= 5 else ours.get_seq_length())
        theirs.crop(-n if n or MAJOR >= 5 else theirs.get_seq_length())
    check_next(model, plain, ours, theirs, ids[:, 8:11])
    ours.crop(-ours.get_seq_length())
    check_next(model, plain, ours, DynamicCache(), ids[:, :4])


def test_a_cache_that_is_pickled_goes_on(model, plain, ids):
    ours, theirs = both(model, plain, ids[:, :11].repeat(2, 1))
    ours.batch_select_indices(torch.tensor([0])), theirs.batch_select_indices(torch.tensor([0]))
    loaded = pickle.loads(pickle.dumps(ours))
    assert loaded.get_seq_length() == 11 and loaded.implementation == "dynamic"
    check_next(model, plain, loaded, copy.deepcopy(theirs), ids[:, 11:14])
    check_next(model, plain, ours, theirs, ids[:, 11:14])
    assert repr(loaded) == "kvern.Cache('dynamic', 3 layers, 14 tokens)"
    empty = pickle.loads(pickle.dumps(kvern.Cache(model, "quantized", nbits=2)))
    assert empty.implementation == "quantized" and empty.get_seq_length() == 0


def test_keys_go_to_and_come_from_the_form_of_transformers_4(model, plain, ids):
    ours, theirs = both(model, plain, ids[:, :13])
    held = [(layer.keys, layer.values) for layer in theirs.layers] if MAJOR >= 5 else theirs.to_legacy_cache()
    for (k, v), (want_k, want_v) in zip(ours.to_legacy_cache(), held):
        torch.testing.assert_close(k, want_k, **CLOSE)
        torch.testing.assert_close(v, want_v, **CLOSE)
    filled = kvern.Cache(model, "paged").fill(ours.to_legacy_cache())
    check_next(model, plain, filled, copy.deepcopy(theirs), ids[:, 13:15])
    check_next(model, plain, kvern.Cache(model).fill(ours), copy.deepcopy(theirs), ids[:, 13:15])
    check_next(model, plain, kvern.Cache(model).fill(theirs), theirs, ids[:, 13:15])


@pytest.mark.skipif(MAJOR < 5, reason="a static cache of transformers 4 needs its batch and dtype")
def test_a_cache_is_filled_from_a_static_one_without_its_room(model, plain, ids):
    ours, theirs = kvern.Cache(model), StaticCache(config=plain.config, max_cache_len=40)
    feed(plain, ids[:, :13], theirs)
    ours.fill(theirs)
    assert ours.get_seq_length() == 13
    check_next(model, plain, ours, both(model, plain, ids[:, :13])[1], ids[:, 13:15])


def test_a_chat_goes_on_with_the_cache_of_the_turn_before(model, plain, ids):
    answers = []
    for one, cache in ((plain, DynamicCache()), (model, kvern.Cache(model))):
        first = generate(one, ids[:, :9], cache, n=6)
        second = torch.cat([first, ids[:, 9:15]], 1)
        answers.append(generate(one, second, cache, n=6))
    assert torch.equal(*answers)


def test_an_assistant_model_drafts(model, plain, ids):
    draft = support.load(support.folder_of("llama"))
    for parameter in draft.parameters():
        parameter.add_(0.01 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
    want = generate(plain, ids, DynamicCache(), n=30, assistant_model=draft)
    assert torch.equal(generate(model, ids, kvern.Cache(model), n=30, assistant_model=draft), want)


@pytest.mark.skipif(MAJOR >= 5, reason="transformers 5 has no contrastive search of its own")
def test_contrastive_search_gives_the_same_ids(llama, plain, ids):
    want = generate(plain, ids, DynamicCache(), penalty_alpha=0.6, top_k=4)
    assert torch.equal(generate(llama, ids, kvern.Cache(llama), penalty_alpha=0.6, top_k=4), want)


@pytest.mark.skipif(MAJOR < 5, reason="generate() of transformers 4.47 has no chunked prefill")
def test_chunked_prefill_of_generate(model, plain, ids):
    want = generate(plain, ids, DynamicCache(), prefill_chunk_size=8)
    assert torch.equal(generate(model, ids, kvern.Cache(model, "paged"), prefill_chunk_size=8), want)


def test_the_cache_is_described_by_a_file_of_the_command_line(model, plain, ids, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('cache_implementation = "quantized"\ncache_dtype = "float32"\nmemory_budget = "1GB"\n'
                    '[cache_config]\nnbits = 8\nresidual_length = 512\n[generation]\nmax_new_tokens = 12\n')
    cache = kvern.Cache.from_toml(model, file)
    assert cache.implementation == "quantized"
    options = kvern.read_config(file)["generation"]
    want = generate(plain, ids, DynamicCache(), n=12)
    assert torch.equal(model.generate(ids, past_key_values=cache, do_sample=False, **options), want)


def test_a_cache_of_a_file_is_pickled_without_the_file(model, plain, ids, tmp_path, monkeypatch):
    file = tmp_path / "run.toml"
    file.write_text('cache_implementation = "paged"\ncache_config = {block_size = 32}\nplugin_path = ["caches"]\n')
    ours, theirs = kvern.Cache.from_toml(model, file), DynamicCache()
    feed(model, ids[:, :9], ours), feed(plain, ids[:, :9], theirs)
    data = pickle.dumps(ours)
    file.unlink()
    monkeypatch.chdir("/")
    check_next(model, plain, pickle.loads(data), theirs, ids[:, 9:12])


def test_a_file_has_the_cache_checked_while_it_works(llama, tmp_path):
    file = tmp_path / "run.toml"
    pair = torch.full((2, 1, 2, 5, 16), torch.nan)
    kvern.Cache(llama).update(*pair, 0)
    file.write_text("check_cache = true\n")
    with pytest.raises(kvern.PluginError, match="finite|NaN|number"):
        kvern.Cache.from_toml(llama, file).update(*pair, 0)


def test_keys_are_described_once_a_step(llama, ids, monkeypatch):
    cache, asked = kvern.Cache(llama), []
    feed(llama, ids[:, :9], cache)
    monkeypatch.setattr(NativeCache, "view", lambda self, layer, of=NativeCache.view: asked.append(layer) or of(self, layer))
    feed(llama, ids[:, 9:10], cache)
    assert len(asked) <= 1


def test_a_model_in_bfloat16_has_a_cache_in_bfloat16(model, plain, ids):
    model, plain = model.bfloat16(), plain.bfloat16()
    ours, theirs = kvern.Cache(model), DynamicCache()
    got, want = feed(model, ids, ours), feed(plain, ids, theirs)
    assert ours.dtype == got.dtype == torch.bfloat16
    if not ours.attends:
        assert torch.equal(got, want)
    torch.testing.assert_close(feed(model, ids[:, :2], ours).float(), feed(plain, ids[:, :2], theirs).float(), rtol=0, atol=0.25)


def test_another_dtype_of_the_cache_halves_its_memory(model, ids):
    caches = [kvern.Cache(model, "static", max_cache_len=64, dtype=dtype) for dtype in (torch.float32, torch.bfloat16)]
    logits = [feed(model, ids, cache) for cache in caches]
    assert caches[0].info()["bytes_device"] == 2 * caches[1].info()["bytes_device"]
    assert 0 < (logits[0] - logits[1]).abs().max() < 0.3


def test_a_quantized_cache_is_near_the_full_one(model, plain, ids):
    ours, theirs = kvern.Cache(model, "quantized", nbits=8, residual_length=16), DynamicCache()
    rows = support.prompts(model, 1, 120)
    feed(model, rows, ours), feed(plain, rows, theirs)
    divergence = 0.0
    for token in rows[:, :20].split(1, 1):
        p = feed(plain, token, theirs).log_softmax(-1)
        q = feed(model, token, ours).log_softmax(-1)
        divergence += (p.exp() * (p - q)).sum().item() / 20
    assert 0 < divergence < 0.01
    full = 2 * 3 * 2 * 16 * 140 * 4  # keys and values, layers, heads, elements, tokens, bytes
    assert ours.info()["bytes_used"] < 0.75 * full


@pytest.mark.skipif(MAJOR < 5, reason="transformers 4 masks as if no token had been dropped")
@pytest.mark.parametrize("mode", MODES)
def test_a_cache_that_drops_what_no_query_sees_gives_the_same_ids(mode):
    folder = support.folder_of("mistral")
    ids, mask = support.left_padded(support.prompts(support.load(folder), 2, 30), (5, 0))
    want = generate(support.load(folder), ids, DynamicCache(), n=40, attention_mask=mask)
    model = support.load(folder)
    model = kvern.use_attention(model) if mode == "attend" else model
    cache = kvern.Cache(model, "sliding_window")
    assert torch.equal(generate(model, ids, cache, n=40, attention_mask=mask), want)
    assert cache.info()["tokens"] == 69 and cache.get_seq_length() == 69
    full = kvern.Cache(model)
    generate(model, ids, full, n=40, attention_mask=mask)
    assert cache.info()["bytes_used"] < 0.7 * full.info()["bytes_used"]


@pytest.mark.skipif(MAJOR < 5, reason="caches that keep other tokens in each head need attention on their own storage")
def test_an_evicting_cache_generates_within_its_budget(llama, ids):
    model = kvern.use_attention(llama)
    cache = kvern.Cache(model, "evicting", policy="h2o", budget_tokens=16)
    assert generate(model, ids, cache, n=40).shape == (1, 70)
    assert cache.get_seq_length() == 69
    assert cache.info()["bytes_used"] <= 2 * 3 * 2 * 16 * (16 + 16) * 4 * 1.1


@pytest.mark.skipif(MAJOR < 5, reason="attention masks of four dimensions go to the model's own attention")
def test_a_mask_of_four_dimensions_is_obeyed(llama, plain, ids):
    mask = torch.ones(1, 1, 12, 12, dtype=torch.bool).tril()
    mask[..., 5:, 3] = False
    want = plain(ids[:, :12], attention_mask=mask, past_key_values=DynamicCache(), use_cache=True).logits
    model = kvern.use_attention(llama)
    got = model(ids[:, :12], attention_mask=mask, past_key_values=kvern.Cache(model), use_cache=True).logits
    torch.testing.assert_close(got, want, **CLOSE)


@pytest.mark.skipif(MAJOR < 5, reason="the attention function of transformers 5")
def test_a_model_with_kvern_attention_runs_without_a_cache(llama, plain, ids):
    rows, mask = support.left_padded(support.prompts(llama, 2, 12), (4, 0))
    want = plain(rows, attention_mask=mask, use_cache=False).logits
    model = kvern.use_attention(llama)
    got = model(rows, attention_mask=mask, use_cache=False).logits
    torch.testing.assert_close(got[1], want[1], **CLOSE)
    torch.testing.assert_close(got[0, 4:], want[0, 4:], **CLOSE)
    assert torch.equal(generate(kvern.use_attention(model, False), ids, DynamicCache()), generate(plain, ids, DynamicCache()))


@pytest.mark.skipif(MAJOR < 5, reason="the attention function of transformers 5")
@pytest.mark.parametrize("family", ["llama", "gemma3_text_v4", "gpt_oss", "cohere2_v4"])
def test_a_model_with_kvern_attention_takes_the_caches_of_transformers(family):
    folder = support.folder_of(family)
    model = kvern.use_attention(support.load(folder))
    ids, mask = support.left_padded(support.prompts(model, 2, 30), (5, 0))
    want = generate(support.load(folder), ids, DynamicCache(), attention_mask=mask)
    for cache in (DynamicCache(), DynamicCache(config=model.config), StaticCache(config=model.config, max_cache_len=64)):
        assert torch.equal(generate(model, ids, cache, attention_mask=mask, disable_compile=True), want)
