// gpt-oss (OpenAI 2025): attention with a sink logit per head, every other layer with a sliding window, and a mixture of
// experts with a clamped activation.
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

float read_positive(const files::ModelConfig &config, const char *key) {
  const double value = config.number(key);
  if (value <= 0.0) config.fail(key, "should be above 0");
  return static_cast<float>(value);
}

ExpertsDescription describe(const files::ModelConfig &config, const MlpDescription &mlp) {
  const ExpertKeys keys{"num_local_experts", "num_experts_per_tok", "intermediate_size"};
  ExpertsDescription d = describe_experts(config, keys, mlp);
  d.routing.normalize = true;  // the softmax over those chosen
  d.router_bias = true;
  d.activation.clamp = read_positive(config, "swiglu_limit");
  d.activation.alpha = read_positive(config, "swiglu_alpha");
  d.activation.interleaved = true;
  d.storage = ExpertStorage::stacked_transposed;
  d.names = {"mlp.router",
             "",
             "mlp.experts.gate_up_proj",
             "",
             "mlp.experts.down_proj",
             "mlp.experts.gate_up_proj_bias",
             "mlp.experts.down_proj_bias",
             ""};
  return d;
}

// transformers scales the rotation where config.json has neither key; null means that it is not scaled.
files::ModelConfig with_rope(const files::ModelConfig &config) {
  if (config.has("rope_parameters")) return config;
  return config.with_defaults(R"({"rope_scaling": {"rope_type": "yarn", "factor": 32.0, "beta_fast": 32.0,
    "beta_slow": 1.0, "truncate": false, "original_max_position_embeddings": 4096}})",
                              {"rope_scaling"});
}

std::unique_ptr<Model> build(const files::ModelConfig &file, const Loading &loading) {
  const files::ModelConfig config = with_rope(file);
  DecoderDescription d = describe_llama_like(config);
  const bool bias = config.boolean("attention_bias", false);
  for (LayerDescription &layer : d.layers) {
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
    layer.attention.sinks = "self_attn.sinks";
    layer.experts = describe(config, layer.mlp);
  }
  const auto kinds =
      read_layer_types(config, static_cast<int64_t>(d.layers.size()), [](int64_t i) { return i % 2 == 0; });
  set_windows(config, read_window(config, "sliding_window"), kinds, d);
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_gpt_oss = {"gpt_oss", R"({
  "vocab_size": 201088, "hidden_size": 2880, "intermediate_size": 2880, "num_hidden_layers": 36,
  "num_attention_heads": 64, "num_key_value_heads": 8, "max_position_embeddings": 131072, "rms_norm_eps": 1e-05,
  "hidden_act": "silu", "rope_theta": 150000.0, "tie_word_embeddings": false, "attention_bias": true,
  "head_dim": 64, "sliding_window": 128, "num_experts_per_tok": 4, "num_local_experts": 128,
  "swiglu_alpha": 1.702, "swiglu_limit": 7.0
})",
                                                build};

}  // namespace kvern::models
