// Qwen1.5-MoE and Qwen2-57B-A14B (Yang et al. 2024): Qwen2 with a mixture of experts and a shared expert behind a gate.
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

ExpertsDescription describe(const files::ModelConfig &config, const MlpDescription &mlp) {
  ExpertsDescription experts = describe_experts(config, {}, mlp);
  experts.routing.normalize = config.boolean("norm_topk_prob", false);
  experts.shared = {config.size("shared_expert_intermediate_size"), "mlp.shared_expert.gate_proj",
                    "mlp.shared_expert.up_proj", "mlp.shared_expert.down_proj", "mlp.shared_expert_gate"};
  return experts;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const std::vector<bool> sparse = read_sparse_layers(config, d.layers.size());
  const bool bias = config.boolean("qkv_bias", false);
  for (size_t i = 0; i < d.layers.size(); ++i) {
    d.layers[i].attention.qkv.bias = bias;
    if (sparse[i]) d.layers[i].experts = describe(config, d.layers[i].mlp);
  }
  if (config.boolean("use_sliding_window", false)) {
    const int64_t full = config.integer("max_window_layers"), n = static_cast<int64_t>(d.layers.size());
    // every other layer, unlike Qwen2's, where the layers from max_window_layers on slide
    const auto kinds = read_layer_types(config, n, [full](int64_t i) { return i % 2 == 0 && i < full; });
    set_windows(config, read_window(config, "sliding_window"), kinds, d);
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_qwen2_moe = {"qwen2_moe", R"({
  "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 24,
  "num_attention_heads": 16, "num_key_value_heads": 16, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 10000.0, "use_sliding_window": false, "sliding_window": 4096,
  "max_window_layers": 28, "tie_word_embeddings": false, "qkv_bias": true, "decoder_sparse_step": 1,
  "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632, "num_experts_per_tok": 4,
  "num_experts": 60, "norm_topk_prob": false
})",
                                                  build};

}  // namespace kvern::models
