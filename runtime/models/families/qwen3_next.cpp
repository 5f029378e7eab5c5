// Qwen3-Next (Qwen 2025): gated delta nets in most layers, attention with gated output in the others, a mixture of experts with a
// shared expert in all.
#include "runtime/models/mixers.hpp"
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

DeltaNetDescription describe_mixer(const files::ModelConfig &config) {
  DeltaNetDescription mixer;
  mixer.residual.norm = "input_layernorm";
  mixer.name = "linear_attn.";
  mixer.config.key_heads = config.size("linear_num_key_heads");
  mixer.config.value_heads = config.size("linear_num_value_heads");
  if (mixer.config.value_heads % mixer.config.key_heads != 0)
    config.fail("linear_num_value_heads", std::to_string(mixer.config.value_heads) +
                                              " should be a multiple of linear_num_key_heads (" +
                                              std::to_string(mixer.config.key_heads) + ")");
  mixer.config.key_dim = read_size_up_to(config, "linear_key_head_dim", kernels::kMaxDeltaKeys);
  mixer.config.value_dim = config.size("linear_value_head_dim");
  mixer.taps = read_taps(config, "linear_conv_kernel_dim");
  require_silu(config, "hidden_act");
  return mixer;
}

ExpertsDescription describe_mixture(const files::ModelConfig &config, const MlpDescription &mlp) {
  ExpertsDescription experts = describe_experts(config, {}, mlp);
  experts.routing.normalize = config.boolean("norm_topk_prob");
  experts.shared = {config.size("shared_expert_intermediate_size"), "mlp.shared_expert.gate_proj",
                    "mlp.shared_expert.up_proj", "mlp.shared_expert.down_proj", "mlp.shared_expert_gate"};
  return experts;
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  d.norm.offset = 1.0f;
  const std::vector<bool> sparse = read_sparse_layers(config, d.layers.size());
  const bool bias = config.boolean("attention_bias");
  for (size_t i = 0; i < d.layers.size(); ++i) {
    LayerDescription &layer = d.layers[i];
    layer.attention.config.gated = true;
    layer.attention.qk_norm = QkNorm::head;
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
    if (sparse[i]) layer.experts = describe_mixture(config, layer.mlp);
  }
  return d;
}

std::vector<bool> read_linear_layers(const files::ModelConfig &config, size_t layers) {
  const int64_t interval = config.size("full_attention_interval", 4);
  return read_state_layers(config, layers, {"linear_attention"},
                           [&](size_t i) { return (static_cast<int64_t>(i) + 1) % interval != 0; });
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config);
  const std::vector<bool> linear = read_linear_layers(config, d.layers.size());
  const DeltaNetDescription mixer = describe_mixer(config);
  return build_layers(d, loading, [&](size_t i, const TensorReader &reader) {
    Block block;
    block.push_back(linear[i] ? build_delta_net(mixer, reader)
                              : build_attention(d.layers[i].attention, reader));
    block.push_back(build_feed_forward(d.layers[i], reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_qwen3_next = {"qwen3_next", R"({
  "vocab_size": 151936, "hidden_size": 2048, "intermediate_size": 5632, "num_hidden_layers": 48,
  "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 256, "hidden_act": "silu",
  "rms_norm_eps": 1e-06, "max_position_embeddings": 32768, "rope_theta": 10000.0, "partial_rotary_factor": 0.25,
  "tie_word_embeddings": false, "attention_bias": false, "decoder_sparse_step": 1, "num_experts": 512,
  "num_experts_per_tok": 10, "moe_intermediate_size": 512, "shared_expert_intermediate_size": 512,
  "norm_topk_prob": true, "linear_num_key_heads": 16, "linear_num_value_heads": 32, "linear_key_head_dim": 128,
  "linear_value_head_dim": 128, "linear_conv_kernel_dim": 4
})",
                                                   build};

}  // namespace kvern::models
