// Phi-3 (Abdin et al. 2024): Llama with fused projections; longrope and a sliding window where config.json
// says so.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const int64_t window = read_window(config, "sliding_window");
  for (LayerDescription &layer : d.layers) {
    layer.attention.config.window = window;
    layer.attention.qkv.names = {"self_attn.qkv_proj"};
    layer.mlp.up.names = {"mlp.gate_up_proj"};
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_phi3 = {"phi3", R"({
  "vocab_size": 32064, "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
  "num_attention_heads": 32, "max_position_embeddings": 4096, "original_max_position_embeddings": 4096,
  "rms_norm_eps": 1e-05, "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false,
  "bos_token_id": 1, "eos_token_id": 32000, "pad_token_id": 32000
})",
                                             build};

}  // namespace kvern::models
