// Command R (Cohere 2024): attention and MLP read the same norm; interleaved rotary embedding.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  d.norm = {Norm::layer, static_cast<float>(config.number("layer_norm_eps")), 0.0f, false};
  d.logits_scale = static_cast<float>(config.number("logit_scale"));
  RopeConfig rope = d.layers[0].attention.config.rope->config();
  rope.interleaved = true;
  set_rope(rope, d);
  const bool bias = config.boolean("attention_bias", false), qk_norm = config.boolean("use_qk_norm", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
    if (qk_norm) layer.attention.qk_norm = QkNorm::each_head;
    layer.mlp.residual = {SublayerInput::shared_norm, "", "", 1.0f};
  }
  return build_decoder(d, loading);
}

}  // namespace

// rope_theta was 10000 before transformers 5; every file that it wrote has the key
extern constinit const Family family_cohere = {"cohere", R"({
  "vocab_size": 256000, "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40,
  "num_attention_heads": 64, "max_position_embeddings": 8192, "hidden_act": "silu", "rope_theta": 500000.0,
  "tie_word_embeddings": true, "layer_norm_eps": 1e-05, "logit_scale": 0.0625, "attention_bias": false,
  "use_qk_norm": false, "bos_token_id": 5, "eos_token_id": 255001, "pad_token_id": 0
})",
                                               build};

}  // namespace kvern::models
