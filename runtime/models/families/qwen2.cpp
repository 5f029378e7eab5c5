// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values; upper layers may see a
// window only.
#include <kvern/error.hpp>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

// transformers 5 writes the kind of each layer; 4 says from which layer on the window holds.
void set_windows(const files::ModelConfig &config, std::vector<LayerConfig> &layers) {
  if (!config.boolean("use_sliding_window", false)) return;
  const int64_t window = read_window(config, "sliding_window");
  if (!config.has("layer_types")) {
    const int64_t full = config.integer("max_window_layers");
    for (int64_t i = 0; i < static_cast<int64_t>(layers.size()); ++i)
      layers[i].window = i >= full ? window : 0;
    return;
  }
  const std::vector<std::string> types = config.strings("layer_types");
  if (types.size() != layers.size()) {
    config.fail("layer_types", "has " + std::to_string(types.size()) + " entries; there are " +
                                   std::to_string(layers.size()) + " layers");
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] == "sliding_attention") {
      layers[i].window = window;
    } else if (types[i] != "full_attention") {
      config.fail("layer_types", "'" + types[i] + "' should be full_attention or sliding_attention" +
                                     did_you_mean(types[i], {"full_attention", "sliding_attention"}));
    }
  }
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  d.names.qkv.bias = true;
  set_windows(config, d.config.layers);
  return d;
}

}  // namespace

extern constinit const Family family_qwen2 = {"qwen2", R"({
  "vocab_size": 151936, "hidden_size": 4096, "intermediate_size": 22016, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 10000.0, "use_sliding_window": false, "sliding_window": 4096,
  "max_window_layers": 28, "tie_word_embeddings": false
})", describe};

}  // namespace kvern::models
