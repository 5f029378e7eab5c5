// Nemotron (Parmar et al. 2024): layer norms whose weights are offset by 1, squared ReLU, half of each head is rotated.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  d.norm = {Norm::layer, static_cast<float>(config.number("norm_eps")), 1.0f, true};
  const bool attention_bias = config.boolean("attention_bias", false),
             mlp_bias = config.boolean("mlp_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.qkv.bias = layer.attention.out.bias = attention_bias;
    layer.mlp.gated = false;
    layer.mlp.up = {{"mlp.up_proj"}, mlp_bias};
    layer.mlp.down.bias = mlp_bias;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_nemotron = {"nemotron", R"({
  "vocab_size": 256000, "hidden_size": 6144, "intermediate_size": 24576, "num_hidden_layers": 32,
  "num_attention_heads": 48, "max_position_embeddings": 4096, "hidden_act": "relu2", "rope_theta": 10000.0,
  "tie_word_embeddings": false, "norm_eps": 1e-05, "partial_rotary_factor": 0.5, "head_dim": 128,
  "attention_bias": false, "mlp_bias": false, "bos_token_id": 2, "eos_token_id": 3
})",
                                                 build};

}  // namespace kvern::models
