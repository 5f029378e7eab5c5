// SmolLM3 (2025): Llama where every fourth layer is without rotary embedding.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

// 1 for each layer with rotary embedding.
std::vector<int64_t> rotated_layers(const files::ModelConfig &config, size_t n) {
  std::vector<int64_t> rotated(n, 1);
  if (!config.has("no_rope_layers")) {
    const auto interval = static_cast<size_t>(config.size("no_rope_layer_interval"));
    for (size_t i = interval - 1; i < n; i += interval) rotated[i] = 0;
    return rotated;
  }
  rotated = config.integers("no_rope_layers");
  if (rotated.size() != n) {
    config.fail("no_rope_layers", "has " + std::to_string(rotated.size()) + " entries; there are " +
                                      std::to_string(n) + " layers");
  }
  return rotated;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const bool attention_bias = config.boolean("attention_bias", false),
             mlp_bias = config.boolean("mlp_bias", false);
  const std::vector<int64_t> rotated = rotated_layers(config, d.layers.size());
  for (size_t i = 0; i < d.layers.size(); ++i) {
    LayerDescription &layer = d.layers[i];
    layer.attention.qkv.bias = layer.attention.out.bias = attention_bias;
    layer.mlp.up.bias = layer.mlp.down.bias = mlp_bias;
    if (rotated[i] == 0) layer.attention.config.rope = nullptr;
  }
  if (config.boolean("use_sliding_window", false)) {
    const auto kinds = read_layer_types(config, static_cast<int64_t>(d.layers.size()),
                                        [&](int64_t i) { return rotated[static_cast<size_t>(i)] == 0; });
    set_windows(config, read_window(config, "sliding_window"), kinds, d);
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_smollm3 = {"smollm3", R"({
  "vocab_size": 128256, "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36,
  "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 2000000.0, "tie_word_embeddings": true, "use_sliding_window": false,
  "no_rope_layer_interval": 4, "attention_bias": false, "mlp_bias": false, "bos_token_id": 128000,
  "eos_token_id": 128001, "pad_token_id": 128004
})",
                                                build};

}  // namespace kvern::models
