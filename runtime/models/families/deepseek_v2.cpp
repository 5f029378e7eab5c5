// DeepSeek-V2 and -V2-Lite (2024): latent attention; a softmax router that may choose among the best groups of experts.
#include <kvern/error.hpp>

#include "runtime/models/deepseek.hpp"

namespace kvern::models {
namespace {

void read_method(const files::ModelConfig &config, kernels::Routing &routing) {
  const std::string method = config.string("topk_method");
  const std::vector<std::string> known = {"greedy", "group_limited_greedy"};
  if (method == known[0]) return;
  if (method == known[1])
    return read_groups(config, deepseek_expert_keys(), kernels::GroupScore::largest, routing);
  config.fail("topk_method",
              "'" + method + "' should be greedy or group_limited_greedy" + did_you_mean(method, known));
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_deepseek(config, true);
  for (LayerDescription &layer : d.layers)
    if (layer.experts) read_method(config, layer.experts->routing);
  return build_decoder(d, loading);
}

}  // namespace

// norm_topk_prob is read by transformers without an effect
extern constinit const Family family_deepseek_v2 = {"deepseek_v2", R"({
  "vocab_size": 102400, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-06,
  "hidden_act": "silu", "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false,
  "mlp_bias": false, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64,
  "v_head_dim": 128, "first_k_dense_replace": 0, "n_routed_experts": 64, "n_shared_experts": 2,
  "moe_intermediate_size": 1407, "topk_method": "greedy", "routed_scaling_factor": 1.0, "bos_token_id": 1,
  "eos_token_id": 2
})",
                                                    build};

}  // namespace kvern::models
