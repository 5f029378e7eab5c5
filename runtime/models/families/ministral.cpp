// Ministral (Mistral 2024): Mistral where some layers have the sliding window.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const int64_t window = read_window(config, "sliding_window");
  const auto kinds =
      read_layer_types(config, static_cast<int64_t>(d.layers.size()), [&](int64_t) { return window != 0; });
  set_windows(config, window, kinds, d);
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_ministral = {"ministral", R"({
  "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
  "rms_norm_eps": 1e-06, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false,
  "sliding_window": 4096, "bos_token_id": 1, "eos_token_id": 2
})",
                                                  build};

}  // namespace kvern::models
