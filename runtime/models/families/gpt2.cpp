// GPT-2 (Radford et al. 2019): learned positions, layer norms, projections stored as [in, out], the embedding
// as head.
#include <cmath>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

// transformers' configuration class knows these sizes by the names of other families too; such a key wins.
int64_t read_size(const files::ModelConfig &config, const char *key, const char *alias) {
  return config.has(alias) ? config.size(alias) : config.size(key);
}

void set_scales(const files::ModelConfig &config, DecoderDescription &d) {
  const bool by_size = config.boolean("scale_attn_weights", false);
  const bool by_layer = config.boolean("scale_attn_by_inverse_layer_idx", false);
  for (size_t i = 0; i < d.layers.size(); ++i) {
    AttentionConfig &c = d.layers[i].attention.config;
    c.scale = by_size ? 1.0f / std::sqrt(static_cast<float>(c.head_dim)) : 1.0f;
    if (by_layer) c.scale /= static_cast<float>(i + 1);
  }
}

LayerDescription describe_layer(const files::ModelConfig &config, int64_t hidden_size) {
  const int64_t heads = read_size(config, "n_head", "num_attention_heads");
  if (hidden_size % heads != 0) {
    config.fail("n_embd", std::to_string(hidden_size) + " should be a multiple of n_head (" +
                              std::to_string(heads) + ")");
  }
  LayerDescription layer;
  layer.attention.residual.norm = "ln_1";
  layer.attention.config.q_heads = layer.attention.config.kv_heads = heads;
  layer.attention.config.head_dim = hidden_size / heads;
  layer.attention.qkv = {{"attn.c_attn"}, true};
  layer.attention.out = {{"attn.c_proj"}, true};
  layer.mlp.residual.norm = "ln_2";
  layer.mlp.intermediate_size = config.size("n_inner", 4 * hidden_size);
  layer.mlp.gated = false;
  layer.mlp.activation = read_activation(config, "activation_function");
  layer.mlp.up = {{"mlp.c_fc"}, true};
  layer.mlp.down = {{"mlp.c_proj"}, true};
  return layer;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  if (config.boolean("add_cross_attention", false)) {
    config.fail("add_cross_attention", "is true; only a GPT-2 without an encoder beside it can be run");
  }
  DecoderDescription d;
  d.model_type = config.model_type;
  d.vocab_size = config.size("vocab_size");
  d.hidden_size = read_size(config, "n_embd", "hidden_size");
  d.learned_positions = d.max_positions = read_size(config, "n_positions", "max_position_embeddings");
  d.norm = {Norm::layer, static_cast<float>(config.number("layer_norm_epsilon")), 0.0f, true};
  d.transposed = true;
  d.head_tied = config.boolean("tie_word_embeddings", false);
  d.names = {{"transformer.", ""}, "h.", "wte", "wpe", "ln_f", "lm_head"};
  const char *layers = config.has("num_hidden_layers") ? "num_hidden_layers" : "n_layer";
  d.layers.assign(static_cast<size_t>(read_layer_count(config, layers)),
                  describe_layer(config, d.hidden_size));
  set_scales(config, d);
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_gpt2 = {"gpt2", R"({
  "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12,
  "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05, "scale_attn_weights": true,
  "scale_attn_by_inverse_layer_idx": false, "tie_word_embeddings": true, "bos_token_id": 50256,
  "eos_token_id": 50256
})",
                                             build};

}  // namespace kvern::models
