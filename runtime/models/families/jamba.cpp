// Jamba (Lieber et al. 2024): Mamba in most layers, attention without positions in the others, a mixture of experts in every
// second MLP.
#include "runtime/models/mixers.hpp"
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

/// layer % period == offset.
struct Every {
  int64_t period, offset;
  bool has(size_t layer) const { return static_cast<int64_t>(layer) % period == offset; }
};

Every read_every(const files::ModelConfig &config, const std::string &which) {
  const Every every{config.size(which + "_period"), config.integer(which + "_offset")};
  if (every.offset < 0 || every.offset >= every.period)
    config.fail(which + "_offset", std::to_string(every.offset) + " should be 0 or more and below " + which +
                                       "_period (" + std::to_string(every.period) + ")");
  return every;
}

MambaDescription describe_mixer(const files::ModelConfig &config, int64_t hidden_size) {
  MambaDescription mixer;
  mixer.residual.norm = "input_layernorm";
  mixer.name = "mamba.";
  mixer.inner = config.size("mamba_expand") * hidden_size;
  mixer.states = read_size_up_to(config, "mamba_d_state", kernels::kMaxScanStates);
  mixer.rank = read_time_step_rank(config, "mamba_dt_rank");
  mixer.taps = read_taps(config, "mamba_d_conv");
  mixer.projection_bias = config.boolean("mamba_proj_bias");
  mixer.conv_bias = config.boolean("mamba_conv_bias");
  mixer.parameter_norms = true;
  require_silu(config, "hidden_act");
  return mixer;
}

ExpertsDescription describe_mixture(const files::ModelConfig &config, const MlpDescription &mlp) {
  ExpertsDescription experts =
      describe_experts(config, {"num_experts", "num_experts_per_tok", "intermediate_size"}, mlp);
  experts.names = {
      "feed_forward.router", "feed_forward.experts", "gate_proj", "up_proj", "down_proj", "", "", ""};
  return experts;
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  const Every experts = read_every(config, "expert_layer");
  d.names.final_norm = "final_layernorm";
  for (size_t i = 0; i < d.layers.size(); ++i) {
    LayerDescription &layer = d.layers[i];
    layer.attention.config.rope = nullptr;
    layer.mlp.residual.norm = "pre_ff_layernorm";
    layer.mlp.up = {{"feed_forward.gate_proj", "feed_forward.up_proj"}, false};
    layer.mlp.down = {{"feed_forward.down_proj"}, false};
    if (experts.has(i) && config.size("num_experts") > 1) layer.experts = describe_mixture(config, layer.mlp);
  }
  return d;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config);
  const Every attention = read_every(config, "attn_layer");
  const MambaDescription mixer = describe_mixer(config, d.hidden_size);
  return build_layers(d, loading, [&](size_t i, const TensorReader &reader) {
    Block block;
    block.push_back(attention.has(i) ? build_attention(d.layers[i].attention, reader)
                                     : build_mamba(mixer, reader));
    block.push_back(build_feed_forward(d.layers[i], reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_jamba = {"jamba", R"({
  "vocab_size": 65536, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu", "rms_norm_eps": 1e-06,
  "max_position_embeddings": 262144, "tie_word_embeddings": false, "num_experts": 16, "num_experts_per_tok": 2,
  "expert_layer_period": 2, "expert_layer_offset": 1, "attn_layer_period": 8, "attn_layer_offset": 4,
  "mamba_d_state": 16, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_conv_bias": true, "mamba_proj_bias": false,
  "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0
})",
                                              build};

}  // namespace kvern::models
