"""What cannot be served is refused at once, with what would be right."""
import pytest
import torch
from transformers import AutoConfig, DynamicCache, LlamaConfig, LlamaForCausalLM

import kvern
import support
from support import MAJOR, feed, generate


def small(**more):
    sizes = dict(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    return LlamaForCausalLM(LlamaConfig(**{**sizes, **more})).eval()


def test_a_wrong_name_names_the_nearest(llama):
    with pytest.raises(kvern.PluginError, match="no cache plugin 'quantised'; did you mean 'quantized'"):
        kvern.Cache(llama, "quantised")
    with pytest.raises(kvern.ConfigError, match="kvern.Cache: .*did you mean 'nbits'"):
        kvern.Cache(llama, "quantized", nbit=4)
    with pytest.raises(kvern.ConfigError, match="nbits"):
        kvern.Cache(llama, "quantized", nbits=5)
    with pytest.raises(kvern.ConfigError, match="options are numbers, strings"):
        kvern.Cache(llama, "quantized", nbits=torch.tensor(4))


def test_a_wrong_file_names_the_line(llama, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('cache_implementation = "quantized"\n[cache_config]\nnbit = 4\n')
    with pytest.raises(kvern.ConfigError, match=r"run.toml:3: .*did you mean 'nbits'"):
        kvern.Cache.from_toml(llama, file)
    file.write_text('cache_implementation = "paged"\nfallback = ["quantized"]\n')
    with pytest.raises(kvern.ConfigError, match="fallback: in Python"):
        kvern.Cache.from_toml(llama, file)


    with pytest.raises(kvern.ConfigError, match=r"none.toml: .*a configuration is a TOML or JSON file"):
        kvern.Cache.from_toml(llama, tmp_path / "none.toml")


def test_a_cache_is_filled_with_all_tokens_of_all_layers_or_refuses(llama, ids):
    pair = lambda n: tuple(torch.randn(2, 1, 2, n, 16))
    for pairs, words in (([], "what was given is empty"), ([None] * 3, "what was given is empty"), (DynamicCache(), "what was given is empty"),
                         ([pair(4)] * 2, "2 layers of keys for a cache of 3"), ([pair(4), None, pair(4)], "layer 1 has no keys"),
                         ([pair(4), (None, None), pair(4)], "layer 1 has no keys"), ([pair(4), pair(4), pair(3)], "layer 2: 1 rows of 3 tokens"),
                         (llama, "filled from a DynamicCache or from pairs")):
        cache = kvern.Cache(llama)
        with pytest.raises(kvern.ConfigError, match=words):
            cache.fill(pairs)
        assert cache.get_seq_length() == 0


@pytest.mark.skipif(MAJOR < 5, reason="a DynamicCache of transformers 4 drops nothing")
def test_a_cache_is_not_filled_from_one_that_has_dropped_tokens():
    model = support.load(support.folder_of("mistral"))
    theirs = DynamicCache(config=model.config)
    feed(model, support.prompts(model, 1, 60), theirs)
    with pytest.raises(kvern.ConfigError, match="layer 0 has dropped tokens"):
        kvern.Cache(model).fill(theirs)


def test_a_cache_that_is_full_in_mid_generation_stays_as_it_was(llama, ids):
    cache = kvern.Cache(llama, "static", max_cache_len=34)
    with pytest.raises(kvern.CapacityError, match="34"):
        generate(llama, ids, cache, n=10)
    assert cache.get_seq_length() == 34
    cache.crop(-2)
    assert torch.isfinite(feed(llama, ids[:, :2], cache)).all()


def test_memory_that_runs_out_is_said(llama, ids, tmp_path):
    cache = kvern.Cache(llama, "dynamic", memory_budget=4096)
    with pytest.raises(kvern.CacheMemoryError, match="memory budget|memory_budget"):
        generate(llama, ids, cache)
    assert isinstance(kvern.CacheMemoryError("x"), MemoryError)
    file = tmp_path / "run.toml"
    file.write_text("host_memory_budget = 4096\n")
    with pytest.raises(kvern.CacheMemoryError, match="host memory budget"):
        generate(llama, ids, kvern.Cache.from_toml(llama, file))
    with pytest.raises(kvern.ConfigError, match="memory_budget"):
        kvern.Cache(llama, memory_budget="2 barrels")


def test_a_cache_of_another_model_is_refused(llama, ids):
    other = small(num_attention_heads=4)
    with pytest.raises(kvern.ConfigError, match="belongs to another model"):
        feed(other, ids % 64, kvern.Cache(llama))
    same_heads = dict(num_attention_heads=4, num_key_value_heads=2, hidden_size=64)
    shallow = small(num_hidden_layers=2, **same_heads)
    cache = kvern.Cache(small(num_hidden_layers=3, **same_heads))
    with pytest.raises(kvern.UnsupportedError, match="2 of 3 layers"):
        generate(shallow, ids % 64, cache, pad_token_id=0, min_new_tokens=3)


def test_a_batch_of_another_size_is_refused(llama, ids):
    cache = kvern.Cache(llama)
    feed(llama, ids, cache)
    with pytest.raises(kvern.ConfigError, match="holds 1 rows, but the pass has 2"):
        feed(llama, ids[:, :3].expand(2, 3), cache)
    assert cache.get_seq_length() == 30


def test_a_graph_for_autograd_is_refused(llama, ids):
    with torch.enable_grad(), pytest.raises(kvern.UnsupportedError, match="torch.no_grad"):
        feed(llama, ids, kvern.Cache(llama))


def test_recurrent_states_and_encoders_are_refused():
    for folder, words in (("states/models/lfm2", "recurrent"), ("states/models/jamba", "recurrent|state"), ("encoders/models/t5", "encoder")):
        path = support.SOURCE / "tests/reference" / folder
        if MAJOR < 5 and folder.endswith("lfm2"):
            assert support.why_left_out(path) == support.UNKNOWN
            continue
        with pytest.raises(kvern.UnsupportedError, match=words):
            kvern.layers_of(AutoConfig.from_pretrained(path))


def test_a_cache_that_rotates_keys_again_is_refused(llama):
    with pytest.raises(kvern.KvernError, match="rotates them before"):
        kvern.Cache(llama, "sink", window_length=16)


def test_a_cache_that_keeps_nothing_is_refused(llama, ids):
    with pytest.raises(kvern.UnsupportedError, match="use_cache=False"):
        generate(llama, ids, kvern.Cache(llama, "none"))


def test_a_model_that_kvern_does_not_know_is_served():
    torch.manual_seed(1)
    model = small()
    model.config.model_type = "a_family_of_ones_own"
    ids = support.prompts(model, 1, 20)
    want = generate(model, ids, DynamicCache(), pad_token_id=0)
    assert torch.equal(generate(model, ids, kvern.Cache(model, "paged"), pad_token_id=0), want)


def test_shallow_copies_are_refused(llama):
    import copy
    with pytest.raises(TypeError, match="deepcopy"):
        copy.copy(kvern.Cache(llama))


def test_a_dtype_that_no_cache_holds_is_refused(llama):
    with pytest.raises(kvern.ConfigError, match="float32, bfloat16 or float16"):
        kvern.Cache(llama, dtype=torch.float64)


@pytest.mark.skipif(MAJOR >= 5, reason="transformers 5 knows which keys are left")
def test_dropped_tokens_are_refused_where_masks_ignore_them(llama, ids):
    mistral = support.load(support.folder_of("mistral"))
    with pytest.raises(kvern.UnsupportedError, match="dropped tokens .* transformers 4"):
        generate(mistral, ids, kvern.Cache(mistral, "sliding_window"))
    with pytest.raises(kvern.UnsupportedError, match="needs transformers 5"):
        kvern.use_attention(llama)


@pytest.mark.skipif(MAJOR < 5, reason="attention on the cache's storage")
def test_attention_on_the_cache_refuses_what_it_cannot_give(llama, ids):
    model = kvern.use_attention(llama)
    with pytest.raises(kvern.UnsupportedError, match="padding"):
        mask = torch.ones_like(ids)
        mask[:, 5] = 0
        model(ids, attention_mask=mask, past_key_values=kvern.Cache(model), use_cache=True)
    latent = kvern.use_attention(support.load(support.folder_of("deepseek_v2")))
    with pytest.raises(kvern.UnsupportedError, match=r"keys are changed .*use_attention\(model, False\)"):
        generate(latent, ids, kvern.Cache(latent))
    with pytest.raises(kvern.ConfigError, match=r"crop\(-3\)"):
        kvern.Cache(model).crop(3)


@pytest.mark.skipif(MAJOR < 5, reason="caches that drop tokens")
def test_a_cache_with_other_keys_in_each_head_is_refused_by_masks(llama, ids):
    with pytest.raises(kvern.UnsupportedError, match="use_attention"):
        generate(llama, ids, kvern.Cache(llama, "evicting", policy="h2o", budget_tokens=16), n=40)
