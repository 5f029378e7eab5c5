// Phi-1, Phi-1.5 and Phi-2 (Gunasekar et al. 2023): a part of each head is rotated, attention and MLP read the
// same norm.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

void describe(bool qk_norm, LayerDescription &layer) {
  AttentionDescription &attention = layer.attention;
  attention.qk_norm = qk_norm ? QkNorm::head : QkNorm::none;
  attention.q_norm = "self_attn.q_layernorm";
  attention.k_norm = "self_attn.k_layernorm";
  attention.qkv.bias = true;
  attention.out = {{"self_attn.dense"}, true};
  layer.mlp.residual = {SublayerInput::shared_norm, "", "", 1.0f};
  layer.mlp.gated = false;
  layer.mlp.up = {{"mlp.fc1"}, true};
  layer.mlp.down = {{"mlp.fc2"}, true};
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  d.norm.kind = Norm::layer;
  d.norm.bias = true;
  d.norm.eps = static_cast<float>(config.number("layer_norm_eps"));
  d.names.final_norm = "final_layernorm";
  d.head_bias = true;
  const bool qk_norm = config.boolean("qk_layernorm", false);
  for (LayerDescription &layer : d.layers) describe(qk_norm, layer);
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_phi = {"phi", R"({
  "vocab_size": 51200, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24,
  "num_attention_heads": 32, "max_position_embeddings": 2048, "layer_norm_eps": 1e-05, "hidden_act": "gelu_new",
  "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "qk_layernorm": false, "tie_word_embeddings": false,
  "bos_token_id": 1, "eos_token_id": 2
})",
                                            build};

}  // namespace kvern::models
