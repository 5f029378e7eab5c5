// Mistral (Jiang et al. 2023): Llama where every layer sees a sliding window.
#include "runtime/models/families/family.hpp"

namespace kvern::models {

DecoderDescription describe_mistral(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  const int64_t window = read_window(config, "sliding_window", 4096);
  for (LayerConfig &layer : d.config.layers) layer.window = window;
  return d;
}

}  // namespace kvern::models
