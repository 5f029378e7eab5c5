// Mistral (Jiang et al. 2023): Llama where every layer sees a sliding window.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const int64_t window = read_window(config, "sliding_window");
  for (LayerDescription &layer : d.layers) layer.attention.config.window = window;
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_mistral = {"mistral", R"({
  "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 10000.0, "sliding_window": 4096, "tie_word_embeddings": false,
  "bos_token_id": 1, "eos_token_id": 2
})",
                                                build};

}  // namespace kvern::models
