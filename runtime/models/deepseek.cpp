#include "runtime/models/deepseek.hpp"

#include <cmath>

namespace kvern::models {
namespace {

// A head of the rotation is the rotated part; files of other programs have no head_dim.
files::ModelConfig with_head_dim(const files::ModelConfig &config) {
  if (config.has("head_dim")) return config;
  return config.with_defaults(R"({"head_dim": )" + std::to_string(config.size("qk_rope_head_dim")) + "}", {});
}

// YaRN's mscale_all_dim sharpens the scores twice: queries and keys.
float read_scale(const files::ModelConfig &config, const LatentAttentionConfig &c) {
  const files::RopeParameters rope = config.rope();
  double scale = 1.0 / std::sqrt(static_cast<double>(c.q_dim()));
  const double all = rope.mscale_all_dim.value_or(0.0), factor = rope.factor.value_or(1.0);
  if (all != 0.0 && factor > 1.0) {
    const double mscale = 0.1 * all * std::log(factor) + 1.0;
    scale *= mscale * mscale;
  }
  return static_cast<float>(scale);
}

LatentAttentionDescription describe_latent(const files::ModelConfig &config, const DecoderDescription &d,
                                           bool interleaved_rope) {
  LatentAttentionDescription latent;
  latent.residual = d.layers[0].attention.residual;
  latent.bias = config.boolean("attention_bias", false);
  LatentAttentionConfig &c = latent.config;
  c.q_heads = config.size("num_attention_heads");
  c.rank = config.size("kv_lora_rank");
  c.nope_dim = config.size("qk_nope_head_dim");
  c.rope_dim = config.size("qk_rope_head_dim");
  c.v_dim = config.size("v_head_dim");
  latent.q_rank = config.has("q_lora_rank") ? config.size("q_lora_rank") : 0;
  if (config.has("qk_head_dim") && config.size("qk_head_dim") != c.q_dim()) {
    config.fail("qk_head_dim", std::to_string(config.size("qk_head_dim")) +
                                   " should be qk_nope_head_dim + qk_rope_head_dim (" +
                                   std::to_string(c.q_dim()) + ")");
  }
  c.scale = read_scale(config, c);
  RopeConfig rope = read_rope(config, c.rope_dim);
  rope.interleaved = interleaved_rope;
  c.rope = std::make_shared<const Rope>(rope);
  return latent;
}

ExpertsDescription describe_mixture(const files::ModelConfig &config, const MlpDescription &mlp) {
  ExpertsDescription experts = describe_experts(config, deepseek_expert_keys(), mlp);
  experts.routing.scale = static_cast<float>(config.number("routed_scaling_factor"));
  const int64_t shared = config.integer("n_shared_experts", 0);
  if (shared < 0) config.fail("n_shared_experts", std::to_string(shared) + " should be 0 or more");
  experts.shared = {shared * experts.intermediate_size, "mlp.shared_experts.gate_proj",
                    "mlp.shared_experts.up_proj", "mlp.shared_experts.down_proj", ""};
  return experts;
}

}  // namespace

ExpertKeys deepseek_expert_keys() {
  return {"n_routed_experts", "num_experts_per_tok", "moe_intermediate_size"};
}

DecoderDescription describe_deepseek(const files::ModelConfig &file, bool interleaved_rope) {
  const files::ModelConfig config = with_head_dim(file);
  if (config.boolean("mlp_bias", false)) config.fail("mlp_bias", "is true; only false can be run");
  DecoderDescription d = describe_llama_like(config);
  const LatentAttentionDescription latent = describe_latent(config, d, interleaved_rope);
  d.max_positions = context_length(latent.config.rope->config());
  const int64_t dense = config.integer("first_k_dense_replace"), n = static_cast<int64_t>(d.layers.size());
  if (dense < 0) config.fail("first_k_dense_replace", std::to_string(dense) + " should be 0 or more");
  for (LayerDescription &layer : d.layers) layer.latent = latent;
  for (int64_t i = dense; i < n; ++i) {
    LayerDescription &layer = d.layers[static_cast<size_t>(i)];
    layer.experts = describe_mixture(config, layer.mlp);
  }
  return d;
}

}  // namespace kvern::models
