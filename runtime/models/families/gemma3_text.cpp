// Gemma 3 (2025), the language model: norms before and after each sublayer, queries and keys normalized per head; layers with
// a sliding window have a rotary embedding of their own.
#include <cmath>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

// transformers 4 wrote its base as rope_local_base_freq, and never scaled it.
RopeConfig read_local_rope(const files::ModelConfig &config, int64_t head_dim) {
  if (config.has("rope_parameters")) return read_rope(config, head_dim, "sliding_attention");
  RopeConfig rope;
  rope.rotary_dim = head_dim;
  rope.theta = config.number("rope_local_base_freq", 10000.0);
  rope.max_positions = config.size("max_position_embeddings");
  return rope;
}

void describe(const files::ModelConfig &config, LayerDescription &layer) {
  layer.attention.residual.post_norm = "post_attention_layernorm";
  layer.attention.qk_norm = QkNorm::head;
  layer.attention.config.scale = 1.0f / std::sqrt(static_cast<float>(config.number("query_pre_attn_scalar")));
  layer.attention.qkv.bias = layer.attention.out.bias = config.boolean("attention_bias", false);
  layer.mlp.residual.norm = "pre_feedforward_layernorm";
  layer.mlp.residual.post_norm = "post_feedforward_layernorm";
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config, "hidden_activation", "full_attention");
  d.norm.offset = 1.0f;
  d.embedding_scale = std::sqrt(static_cast<float>(d.hidden_size));
  d.round_embedding_scale = true;
  d.logits_softcap = static_cast<float>(config.number("final_logit_softcapping", 0.0));
  for (LayerDescription &layer : d.layers) describe(config, layer);
  const int64_t every = config.size("sliding_window_pattern", config.size("_sliding_window_pattern"));
  const auto kinds = read_layer_types(config, static_cast<int64_t>(d.layers.size()),
                                      [&](int64_t i) { return (i + 1) % every != 0; });
  set_windows(config, read_window(config, "sliding_window"), kinds, d);
  const auto local =
      std::make_shared<const Rope>(read_local_rope(config, d.layers[0].attention.config.head_dim));
  for (size_t i = 0; i < d.layers.size(); ++i) {
    if (kinds[i] == "sliding_attention") d.layers[i].attention.config.rope = local;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_gemma3_text = {"gemma3_text", R"({
  "vocab_size": 262208, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
  "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 131072, "rms_norm_eps": 1e-06,
  "rope_theta": 1000000.0, "tie_word_embeddings": true, "head_dim": 256,
  "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 4096,
  "attention_bias": false, "_sliding_window_pattern": 6, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0
})",
                                                    build};

}  // namespace kvern::models
