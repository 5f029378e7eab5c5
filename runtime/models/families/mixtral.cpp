// Mixtral (Jiang et al. 2024): Mistral whose MLP is a mixture of experts.
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const ExpertKeys keys{"num_local_experts", "num_experts_per_tok", "intermediate_size"};
  ExpertsDescription experts = describe_experts(config, keys, d.layers[0].mlp);
  experts.routing.normalize = true;
  experts.names = {"block_sparse_moe.gate", "block_sparse_moe.experts", "w1", "w3", "w2", "", "", ""};
  const int64_t window = read_window(config, "sliding_window");
  for (LayerDescription &layer : d.layers) {
    layer.attention.config.window = window;
    layer.experts = experts;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_mixtral = {"mixtral", R"({
  "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
  "hidden_act": "silu", "rope_theta": 1000000.0, "tie_word_embeddings": false, "num_experts_per_tok": 2,
  "num_local_experts": 8, "bos_token_id": 1, "eos_token_id": 2
})",
                                                build};

}  // namespace kvern::models
