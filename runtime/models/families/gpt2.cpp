// GPT-2 (Radford et al. 2019): learned positions, layer norms, projections stored as [in, out], the embedding
// as head.
#include <cmath>

#include "runtime/models/families/family.hpp"

namespace kvern::models {
namespace {

void set_scales(const files::ModelConfig &config, DecoderConfig &c) {
  const bool by_size = config.boolean("scale_attn_weights", true);
  const bool by_layer = config.boolean("scale_attn_by_inverse_layer_idx", false);
  for (size_t i = 0; i < c.layers.size(); ++i) {
    const float scale = by_size ? 1.0f / std::sqrt(static_cast<float>(c.head_dim)) : 1.0f;
    c.layers[i].scale = by_layer ? scale / static_cast<float>(i + 1) : scale;
  }
}

DecoderConfig read_config(const files::ModelConfig &config) {
  DecoderConfig c;
  c.model_type = config.model_type;
  c.vocab_size = config.size("vocab_size");
  c.hidden_size = config.size("n_embd");
  c.intermediate_size = config.size("n_inner", 4 * c.hidden_size);
  c.q_heads = c.kv_heads = config.size("n_head");
  if (c.hidden_size % c.q_heads != 0) {
    config.fail("n_embd", std::to_string(c.hidden_size) + " should be a multiple of n_head (" +
                              std::to_string(c.q_heads) + ")");
  }
  c.head_dim = c.hidden_size / c.q_heads;
  c.norm = Norm::layer;
  c.norm_eps = static_cast<float>(config.number("layer_norm_epsilon", 1e-5));
  c.gated_mlp = false;
  c.activation = read_activation(config, "activation_function", "gelu_new");
  c.learned_positions = c.max_positions = config.size("n_positions", 1024);
  c.layers.resize(read_layer_count(config, "n_layer"));
  set_scales(config, c);
  return c;
}

}  // namespace

DecoderDescription describe_gpt2(const files::ModelConfig &config) {
  if (config.boolean("add_cross_attention", false)) {
    config.fail("add_cross_attention", "is true; only a GPT-2 without an encoder beside it can be run");
  }
  DecoderNames n;
  n.prefixes = {"transformer.", ""};
  n.layer = "h.";
  n.embedding = "wte";
  n.positions = "wpe";
  n.final_norm = "ln_f";
  n.head_tied = config.boolean("tie_word_embeddings", true);
  n.transposed = true;
  n.attention_norm = "ln_1";
  n.mlp_norm = "ln_2";
  n.qkv = {{"attn.c_attn"}, true};
  n.out = {{"attn.c_proj"}, true};
  n.up = {{"mlp.c_fc"}, true};
  n.down = {{"mlp.c_proj"}, true};
  return {read_config(config), n};
}

}  // namespace kvern::models
