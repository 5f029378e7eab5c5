// Qwen2 and Qwen2.5 (Yang et al. 2024): Llama with biases on queries, keys and values; upper layers may see a
// window only.
#include <kvern/error.hpp>

#include "runtime/models/families/family.hpp"

namespace kvern::models {
namespace {

// transformers 5 writes the kind of each layer; 4 says from which layer on the window holds.
void set_windows(const files::ModelConfig &config, std::vector<LayerConfig> &layers) {
  if (!config.boolean("use_sliding_window", false)) return;
  const int64_t window = read_window(config, "sliding_window", 4096);
  if (!config.has("layer_types")) {
    const int64_t full = config.integer("max_window_layers", 28);
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

}  // namespace

DecoderDescription describe_qwen2(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  d.names.qkv.bias = true;
  set_windows(config, d.config.layers);
  return d;
}

}  // namespace kvern::models
