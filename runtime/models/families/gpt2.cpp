// GPT-2 (Radford et al. 2019): learned positions, layer norms, projections stored as [in, out], the embedding
// as head.
#include <cmath>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

void set_scales(const files::ModelConfig &config, DecoderConfig &c) {
  const bool by_size = config.boolean("scale_attn_weights", false);
  const bool by_layer = config.boolean("scale_attn_by_inverse_layer_idx", false);
  for (size_t i = 0; i < c.layers.size(); ++i) {
    const float scale = by_size ? 1.0f / std::sqrt(static_cast<float>(c.head_dim)) : 1.0f;
    c.layers[i].scale = by_layer ? scale / static_cast<float>(i + 1) : scale;
  }
}

// transformers' configuration class knows these sizes by the names of other families too; such a key wins.
int64_t read_size(const files::ModelConfig &config, const char *key, const char *alias) {
  return config.has(alias) ? config.size(alias) : config.size(key);
}

DecoderConfig read_config(const files::ModelConfig &config) {
  DecoderConfig c;
  c.model_type = config.model_type;
  c.vocab_size = config.size("vocab_size");
  c.hidden_size = read_size(config, "n_embd", "hidden_size");
  c.intermediate_size = config.size("n_inner", 4 * c.hidden_size);
  c.q_heads = c.kv_heads = read_size(config, "n_head", "num_attention_heads");
  if (c.hidden_size % c.q_heads != 0) {
    config.fail("n_embd", std::to_string(c.hidden_size) + " should be a multiple of n_head (" +
                              std::to_string(c.q_heads) + ")");
  }
  c.head_dim = c.hidden_size / c.q_heads;
  c.norm = Norm::layer;
  c.norm_eps = static_cast<float>(config.number("layer_norm_epsilon"));
  c.gated_mlp = false;
  c.activation = read_activation(config, "activation_function");
  c.learned_positions = c.max_positions = read_size(config, "n_positions", "max_position_embeddings");
  c.layers.resize(read_layer_count(config, config.has("num_hidden_layers") ? "num_hidden_layers" : "n_layer"));
  set_scales(config, c);
  return c;
}

DecoderDescription describe(const files::ModelConfig &config) {
  if (config.boolean("add_cross_attention", false)) {
    config.fail("add_cross_attention", "is true; only a GPT-2 without an encoder beside it can be run");
  }
  DecoderNames n;
  n.prefixes = {"transformer.", ""};
  n.layer = "h.";
  n.embedding = "wte";
  n.positions = "wpe";
  n.final_norm = "ln_f";
  n.head_tied = config.boolean("tie_word_embeddings", false);
  n.transposed = true;
  n.attention_norm = "ln_1";
  n.mlp_norm = "ln_2";
  n.qkv = {{"attn.c_attn"}, true};
  n.out = {{"attn.c_proj"}, true};
  n.up = {{"mlp.c_fc"}, true};
  n.down = {{"mlp.c_proj"}, true};
  return {read_config(config), n};
}

}  // namespace

extern constinit const Family family_gpt2 = {"gpt2", R"({
  "vocab_size": 50257, "n_positions": 1024, "n_embd": 768, "n_layer": 12, "n_head": 12,
  "activation_function": "gelu_new", "layer_norm_epsilon": 1e-05, "scale_attn_weights": true,
  "scale_attn_by_inverse_layer_idx": false, "tie_word_embeddings": true, "bos_token_id": 50256,
  "eos_token_id": 50256
})", describe};

}  // namespace kvern::models
