// Ministral 3 (Mistral 2025): Mistral with YaRN and queries that grow with their position.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

// transformers' rotation where config.json has none.
files::ModelConfig with_rope(const files::ModelConfig &config) {
  if (config.has("rope_parameters") || config.has("rope_scaling")) return config;
  return config.with_defaults(
      R"({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 16.0,
    "original_max_position_embeddings": 16384, "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0,
    "mscale_all_dim": 1.0, "llama_4_scaling_beta": 0.1}})",
      {});
}

void read_position_scale(const files::ModelConfig &config, AttentionConfig &attention) {
  const char *key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const files::JsonObject rope = config.object(key);
  attention.position_scale = static_cast<float>(rope.number("llama_4_scaling_beta", 0.0));
  if (attention.position_scale != 0.0f)
    attention.position_period = rope.size("original_max_position_embeddings");
}

std::unique_ptr<Model> build(const files::ModelConfig &file, const Loading &loading) {
  const files::ModelConfig config = with_rope(file);
  DecoderDescription d = describe_llama_like(config);
  const int64_t window = read_window(config, "sliding_window");
  for (LayerDescription &layer : d.layers) {
    layer.attention.config.window = window;
    read_position_scale(config, layer.attention.config);
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_ministral3 = {"ministral3", R"({
  "vocab_size": 131072, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 34,
  "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 262144, "rms_norm_eps": 1e-05,
  "hidden_act": "silu", "rope_theta": 1000000.0, "tie_word_embeddings": false, "head_dim": 128,
  "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 11
})",
                                                   build};

}  // namespace kvern::models
