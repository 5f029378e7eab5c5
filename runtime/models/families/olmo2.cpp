// OLMo 2 (Walsh et al. 2025): norms after each sublayer instead of before; queries and keys are normalized over all heads.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const bool bias = config.boolean("attention_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.residual = {SublayerInput::residual, "", "post_attention_layernorm", 1.0f};
    layer.attention.qk_norm = QkNorm::heads;
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
    layer.mlp.residual = {SublayerInput::residual, "", "post_feedforward_layernorm", 1.0f};
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_olmo2 = {"olmo2", R"({
  "vocab_size": 50304, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
  "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-05, "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false, "eos_token_id": 50279,
  "pad_token_id": 1
})",
                                              build};

}  // namespace kvern::models
