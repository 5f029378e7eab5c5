// GLM-4-0414 (Zhipu 2025): norms before and after each sublayer, interleaved rotary embedding on half of each head.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  RopeConfig rope = d.layers[0].attention.config.rope->config();
  rope.interleaved = true;
  set_rope(rope, d);
  const bool bias = config.boolean("attention_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.residual.post_norm = "post_self_attn_layernorm";
    layer.attention.qkv.bias = bias;
    layer.mlp.residual.post_norm = "post_mlp_layernorm";
    layer.mlp.up.names = {"mlp.gate_up_proj"};
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_glm4 = {"glm4", R"({
  "vocab_size": 151552, "hidden_size": 4096, "intermediate_size": 13696, "num_hidden_layers": 40,
  "num_attention_heads": 32, "num_key_value_heads": 2, "max_position_embeddings": 131072,
  "rms_norm_eps": 1.5625e-07, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false,
  "head_dim": 128, "partial_rotary_factor": 0.5, "attention_bias": true, "pad_token_id": 151329,
  "eos_token_id": [151329, 151336, 151338]
})",
                                             build};

}  // namespace kvern::models
