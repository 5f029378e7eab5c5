// Granite 3 (IBM 2024): Llama with multipliers of embeddings, attention, residuals and logits.
#include <cmath>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

float read_scale(const files::ModelConfig &config, const char *key) {
  const double scale = config.number(key);
  if (!std::isfinite(scale) || scale == 0.0) config.fail(key, "expected a finite number other than 0");
  return static_cast<float>(scale);
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  d.embedding_scale = read_scale(config, "embedding_multiplier");
  d.logits_scale = 1.0f / read_scale(config, "logits_scaling");
  const bool attention_bias = config.boolean("attention_bias", false),
             mlp_bias = config.boolean("mlp_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.config.scale = read_scale(config, "attention_multiplier");
    layer.attention.residual.multiplier = layer.mlp.residual.multiplier =
        read_scale(config, "residual_multiplier");
    layer.attention.qkv.bias = layer.attention.out.bias = attention_bias;
    layer.mlp.up.bias = layer.mlp.down.bias = mlp_bias;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_granite = {"granite", R"({
  "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
  "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06, "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false,
  "embedding_multiplier": 1.0, "logits_scaling": 1.0, "residual_multiplier": 1.0, "attention_multiplier": 1.0,
  "bos_token_id": 1, "eos_token_id": 2
})",
                                                build};

}  // namespace kvern::models
