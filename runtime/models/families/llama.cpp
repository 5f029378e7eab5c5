// Llama (Touvron et al. 2023; also TinyLlama, SmolLM2, Llama 3): RMS norm, rotary positions, gated MLP.
#include "runtime/models/families/family.hpp"

namespace kvern::models {

DecoderDescription describe_llama(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  d.names.qkv.bias = d.names.out.bias = config.boolean("attention_bias", false);
  d.names.up.bias = d.names.down.bias = config.boolean("mlp_bias", false);
  return d;
}

}  // namespace kvern::models
