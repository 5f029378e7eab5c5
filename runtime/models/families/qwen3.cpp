// Qwen3 (Yang et al. 2025): Llama whose queries and keys are normalized per head; upper layers may have a sliding window.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const bool bias = config.boolean("attention_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.qk_norm = QkNorm::head;
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
  }
  if (config.boolean("use_sliding_window", false)) {
    const int64_t full = config.integer("max_window_layers"), n = static_cast<int64_t>(d.layers.size());
    const auto kinds = read_layer_types(config, n, [full](int64_t i) { return i >= full; });
    set_windows(config, read_window(config, "sliding_window"), kinds, d);
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_qwen3 = {"qwen3", R"({
  "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 32768,
  "rms_norm_eps": 1e-06, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false,
  "head_dim": 128, "use_sliding_window": false, "sliding_window": 4096, "max_window_layers": 28,
  "attention_bias": false
})",
                                              build};

}  // namespace kvern::models
