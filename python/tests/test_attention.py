"""Which model attends where: kvern.use_attention on decoders, and the attention of other models beside it (transformers 5)."""
import copy

import pytest
import torch
import transformers
from transformers import DynamicCache

import kvern
import support
from kvern import attention as kvern_attention
from support import MAJOR, feed, generate

pytestmark = pytest.mark.skipif(MAJOR < 5, reason="attention on a cache's storage needs transformers 5")
CLOSE = dict(rtol=0, atol=2e-4)


@pytest.fixture
def plain():
    return support.load(support.folder_of("llama"))


def test_a_cache_serves_the_model_of_the_pass_whichever_it_was_made_for(llama, plain, ids):
    want = generate(support.load(support.folder_of("llama")), ids, DynamicCache())
    attending = kvern.use_attention(llama)
    for made_for in (attending, plain, plain.config):
        for model in (attending, plain):
            assert torch.equal(generate(model, ids, kvern.Cache(made_for)), want)


def test_a_cache_goes_on_when_its_model_changes_the_way_it_attends(llama, plain, ids):
    theirs, ours = DynamicCache(), kvern.Cache(llama)
    for index, piece in enumerate(ids.split(6, 1)):
        kvern.use_attention(llama, index % 2 == 0)
        torch.testing.assert_close(feed(llama, piece, ours), feed(plain, piece, theirs), **CLOSE)
        assert ours.attends == (index % 2 == 0)


def test_a_part_of_a_model_gets_all_keys(llama, plain, ids):
    """A model without hooks, called before any cache was made for it."""
    cache = kvern.Cache(kvern.use_attention(llama))
    theirs = DynamicCache()
    for piece in ids.split(10, 1):
        torch.testing.assert_close(feed(plain, piece, cache), feed(plain, piece, theirs), **CLOSE)


@pytest.mark.parametrize("layer", [0, 2])
def test_a_layer_that_attends_by_itself_is_refused_and_leaves_no_trace(llama, ids, layer):
    model = kvern.use_attention(llama)
    cache = kvern.Cache(model)
    feed(model, ids[:, :10], cache)
    own = copy.deepcopy(model.config)
    own._attn_implementation = "sdpa"
    model.model.layers[layer].self_attn.config = own
    with pytest.raises(kvern.UnsupportedError, match=f"layer {layer}: .*another attention than kvern's ran"):
        feed(model, ids[:, 10:], cache)
    assert cache.get_seq_length() == 10


def test_chunked_attention_is_refused_by_name_and_served_without(ids):
    sizes = dict(vocab_size=64, hidden_size=32, intermediate_size=32, intermediate_size_mlp=32, num_hidden_layers=4, num_attention_heads=2,
                 num_key_value_heads=1, head_dim=16, attention_chunk_size=8, num_local_experts=2, moe_layers=[], pad_token_id=0)
    torch.manual_seed(0)
    model = transformers.Llama4ForCausalLM(transformers.Llama4TextConfig(**sizes)).eval()
    want = feed(model, ids % 64, DynamicCache())
    with pytest.raises(kvern.UnsupportedError, match="chunked_attention"):
        kvern.use_attention(model)
    for name in ("dynamic", "hybrid"):
        cache = kvern.Cache(model, name)
        got = torch.cat([feed(model, piece, cache) for piece in (ids % 64).split([13, 1, 16], 1)], 1)
        torch.testing.assert_close(got, want, **CLOSE)


def llava():
    text = transformers.LlamaConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    vision = transformers.CLIPVisionConfig(hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=28,
                                           patch_size=14)
    torch.manual_seed(0)
    config = transformers.LlavaConfig(text_config=text, vision_config=vision, image_token_index=63, vision_feature_layer=-1)
    return transformers.LlavaForConditionalGeneration(config).eval()


def test_the_vision_tower_of_a_model_keeps_its_attention():
    model, pixels = llava(), torch.randn(1, 3, 28, 28)
    ids = torch.tensor([[1, 63, 63, 63, 63, 5, 6, 7]])
    run = lambda cache: model.generate(input_ids=ids, pixel_values=pixels, past_key_values=cache, max_new_tokens=8, do_sample=False,
                                       pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    want = run(DynamicCache())
    kvern.use_attention(model)
    assert model.config.text_config._attn_implementation == "kvern" and model.config.vision_config._attn_implementation == "sdpa"
    got = run(kvern.Cache(model))
    assert torch.equal(got.sequences, want.sequences)
    torch.testing.assert_close(got.logits[0], want.logits[0], **CLOSE)
    kvern.use_attention(model, False)
    assert model.config.text_config._attn_implementation == "sdpa"


def test_a_model_that_is_not_causal_attends_to_all_tokens():
    config = transformers.BertConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    torch.manual_seed(0)
    model = transformers.BertModel(config).eval()
    ids, mask = support.left_padded(support.prompts(model, 2, 9), (3, 0))
    want = [model(ids, attention_mask=mask).last_hidden_state, model(ids[1:]).last_hidden_state]
    kvern.use_attention(model)
    got = [model(ids, attention_mask=mask).last_hidden_state, model(ids[1:]).last_hidden_state]
    torch.testing.assert_close(got[0][mask.bool()], want[0][mask.bool()], **CLOSE)
    torch.testing.assert_close(got[1], want[1], **CLOSE)


def test_models_with_an_encoder_are_refused_by_name():
    sizes = dict(vocab_size=64, d_model=32, d_ff=32, d_kv=16, num_layers=2, num_heads=2)
    model = transformers.T5ForConditionalGeneration(transformers.T5Config(**sizes)).eval()
    before = model.config._attn_implementation
    with pytest.raises(kvern.UnsupportedError, match="t5: models with an encoder"):
        kvern.use_attention(model)
    assert model.config._attn_implementation == before
    part = dict(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2)
    both = transformers.EncoderDecoderConfig.from_encoder_decoder_configs(transformers.BertConfig(**part), transformers.BertConfig(**part))
    with pytest.raises(kvern.UnsupportedError, match="models with an encoder"):
        kvern.layers_of(both)


def test_a_model_whose_attention_cannot_be_replaced_stays_as_it_was(llama, plain, ids, monkeypatch):
    def half_way(implementation):
        llama.config._attn_implementation_internal = implementation[""]
        raise ValueError("not this one")

    monkeypatch.setattr(llama, "set_attn_implementation", half_way)
    with pytest.raises(ValueError, match="not this one"):
        kvern.use_attention(llama)
    assert llama.config._attn_implementation == "sdpa"
    monkeypatch.setattr(llama, "set_attn_implementation", lambda implementation: None)
    with pytest.raises(kvern.UnsupportedError, match="attention cannot be replaced"):
        kvern.use_attention(llama)
    assert torch.equal(generate(llama, ids, kvern.Cache(llama)), generate(plain, ids, DynamicCache()))


def test_a_mask_of_four_dimensions_becomes_a_bias_once_a_step(llama, ids, monkeypatch):
    model, made = kvern.use_attention(llama), []
    monkeypatch.setattr(kvern_attention, "_bias_of", lambda mask, of=kvern_attention._bias_of: made.append(mask) or of(mask))
    cache = kvern.Cache(model)
    for n in (12, 20):
        model(ids[:, cache.get_seq_length():n], attention_mask=torch.ones(1, 1, n, n, dtype=torch.bool).tril()[:, :, cache.get_seq_length():],
              past_key_values=cache, use_cache=True)
    assert len(made) == 2
