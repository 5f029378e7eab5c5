// Phi-3 (Abdin et al. 2024): Llama with fused projections; longrope and a sliding window where config.json
// says so.
#include "runtime/models/families/family.hpp"

namespace kvern::models {

DecoderDescription describe_phi3(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  d.names.qkv.names = {"self_attn.qkv_proj"};
  d.names.up.names = {"mlp.gate_up_proj"};
  const int64_t window = read_window(config, "sliding_window", 0);
  for (LayerConfig &layer : d.config.layers) layer.window = window;
  return d;
}

}  // namespace kvern::models
