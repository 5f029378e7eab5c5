// Llama (Touvron et al. 2023; also TinyLlama, SmolLM2, Llama 3): RMS norm, rotary positions, gated MLP.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const bool attention_bias = config.boolean("attention_bias", false),
             mlp_bias = config.boolean("mlp_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.qkv.bias = layer.attention.out.bias = attention_bias;
    layer.mlp.up.bias = layer.mlp.down.bias = mlp_bias;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_llama = {"llama", R"({
  "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
  "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false,
  "bos_token_id": 1, "eos_token_id": 2
})",
                                              build};

}  // namespace kvern::models
