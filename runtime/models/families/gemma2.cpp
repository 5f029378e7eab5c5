// Gemma 2 (Riviere et al. 2024): norms before and after each sublayer, soft caps, every other layer has a sliding window.
#include <cmath>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

void describe(const files::ModelConfig &config, LayerDescription &layer) {
  layer.attention.residual.post_norm = "post_attention_layernorm";
  layer.mlp.residual.norm = "pre_feedforward_layernorm";
  layer.mlp.residual.post_norm = "post_feedforward_layernorm";
  layer.attention.config.scale = 1.0f / std::sqrt(static_cast<float>(config.number("query_pre_attn_scalar")));
  layer.attention.config.softcap = static_cast<float>(config.number("attn_logit_softcapping", 0.0));
  layer.attention.qkv.bias = layer.attention.out.bias = config.boolean("attention_bias", false);
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config, "hidden_activation");
  d.norm.offset = 1.0f;
  d.embedding_scale = std::sqrt(static_cast<float>(d.hidden_size));
  d.round_embedding_scale = true;
  d.logits_softcap = static_cast<float>(config.number("final_logit_softcapping", 0.0));
  for (LayerDescription &layer : d.layers) describe(config, layer);
  const auto kinds =
      read_layer_types(config, static_cast<int64_t>(d.layers.size()), [](int64_t i) { return i % 2 == 0; });
  set_windows(config, read_window(config, "sliding_window"), kinds, d);
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_gemma2 = {"gemma2", R"({
  "vocab_size": 256000, "hidden_size": 2304, "intermediate_size": 9216, "num_hidden_layers": 26,
  "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 8192, "rms_norm_eps": 1e-06,
  "rope_theta": 10000.0, "tie_word_embeddings": true, "head_dim": 256,
  "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 256, "sliding_window": 4096,
  "attention_bias": false, "attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0, "bos_token_id": 2,
  "eos_token_id": 1, "pad_token_id": 0
})",
                                               build};

}  // namespace kvern::models
