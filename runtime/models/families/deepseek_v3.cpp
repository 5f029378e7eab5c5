// DeepSeek-V3 and R1 (2024): latent attention; a sigmoid router with a bias that balances the choice of groups and experts.
#include "runtime/models/deepseek.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_deepseek(config, config.boolean("rope_interleave", true));
  for (LayerDescription &layer : d.layers) {
    if (!layer.experts) continue;
    layer.experts->routing.score = kernels::RouterScore::sigmoid;
    layer.experts->routing.normalize = config.boolean("norm_topk_prob", false);
    layer.experts->names.correction_bias = "mlp.gate.e_score_correction_bias";
    read_groups(config, deepseek_expert_keys(), kernels::GroupScore::two_largest, layer.experts->routing);
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_deepseek_v3 = {"deepseek_v3", R"({
  "vocab_size": 129280, "hidden_size": 7168, "intermediate_size": 18432, "num_hidden_layers": 61,
  "num_attention_heads": 128, "num_key_value_heads": 128, "max_position_embeddings": 4096, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false,
  "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
  "rope_interleave": true, "first_k_dense_replace": 3, "n_routed_experts": 256, "n_shared_experts": 1,
  "num_experts_per_tok": 8, "moe_intermediate_size": 2048, "n_group": 8, "topk_group": 4, "norm_topk_prob": true,
  "routed_scaling_factor": 2.5, "bos_token_id": 0, "eos_token_id": 1
})",
                                                    build};

}  // namespace kvern::models
