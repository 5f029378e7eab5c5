// Command R7B (Cohere 2024): attention and MLP read the same norm; layers with a sliding window have interleaved rotary
// embedding, the others none.
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
  const int64_t every = config.size("sliding_window_pattern", 4);
  const auto kinds = read_layer_types(config, static_cast<int64_t>(d.layers.size()),
                                      [&](int64_t i) { return (i + 1) % every != 0; });
  set_windows(config, read_window(config, "sliding_window"), kinds, d);
  const bool bias = config.boolean("attention_bias", false);
  for (size_t i = 0; i < d.layers.size(); ++i) {
    AttentionDescription &attention = d.layers[i].attention;
    attention.qkv.bias = attention.out.bias = bias;
    if (kinds[i] == "full_attention") attention.config.rope = nullptr;
    d.layers[i].mlp.residual = {SublayerInput::shared_norm, "", "", 1.0f};
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_cohere2 = {"cohere2", R"({
  "vocab_size": 256000, "hidden_size": 8192, "intermediate_size": 22528, "num_hidden_layers": 40,
  "num_attention_heads": 64, "max_position_embeddings": 8192, "hidden_act": "silu", "rope_theta": 10000.0,
  "tie_word_embeddings": true, "layer_norm_eps": 1e-05, "logit_scale": 0.0625, "sliding_window": 4096,
  "attention_bias": false, "bos_token_id": 5, "eos_token_id": 255001, "pad_token_id": 0
})",
                                                build};

}  // namespace kvern::models
