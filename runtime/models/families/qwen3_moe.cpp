// Qwen3-MoE (Yang et al. 2025): Qwen3 with a mixture of experts in most layers.
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const std::vector<bool> sparse = read_sparse_layers(config, d.layers.size());
  const bool bias = config.boolean("attention_bias", false);
  const int64_t window =
      config.boolean("use_sliding_window", false) ? read_window(config, "sliding_window") : 0;
  ExpertKeys keys;  // transformers 5 writes num_local_experts
  if (!config.has(keys.experts)) keys.experts = "num_local_experts";
  ExpertsDescription experts = describe_experts(config, keys, d.layers[0].mlp);
  experts.routing.normalize = config.boolean("norm_topk_prob", false);
  for (size_t i = 0; i < d.layers.size(); ++i) {
    AttentionDescription &attention = d.layers[i].attention;
    attention.qk_norm = QkNorm::head;
    attention.qkv.bias = attention.out.bias = bias;
    attention.config.window = window;
    if (sparse[i]) d.layers[i].experts = experts;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_qwen3_moe = {"qwen3_moe", R"({
  "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 24,
  "num_attention_heads": 32, "num_key_value_heads": 4, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false,
  "use_sliding_window": false, "sliding_window": 4096, "decoder_sparse_step": 1, "moe_intermediate_size": 768,
  "num_experts_per_tok": 8, "num_local_experts": 128, "norm_topk_prob": false
})",
                                                  build};

}  // namespace kvern::models
