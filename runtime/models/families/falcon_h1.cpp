// Falcon-H1 (TII 2025): attention and Mamba-2 side by side in every layer, with multipliers everywhere.
#include <cmath>

#include "runtime/models/mixers.hpp"

namespace kvern::models {
namespace {

float read_multiplier(const files::ModelConfig &config, const char *key) {
  return static_cast<float>(config.number(key));
}

/// 1 where the key is absent.
std::vector<float> read_multipliers(const files::ModelConfig &config, const char *key, size_t count) {
  if (!config.has(key)) return std::vector<float>(count, 1.0f);
  const std::vector<double> numbers = config.numbers(key);
  if (numbers.size() != count)
    config.fail(
        key, "has " + std::to_string(numbers.size()) + " numbers; it should have " + std::to_string(count));
  return {numbers.begin(), numbers.end()};
}

Mamba2Description describe_mixer(const files::ModelConfig &config, int64_t hidden_size) {
  const bool given = config.has("mamba_d_ssm");
  Mamba2Description mixer =
      given ? read_mamba2(config, config.size("mamba_d_ssm"), "mamba_d_ssm")
            : read_mamba2(config, config.size("mamba_expand") * hidden_size, "mamba_expand * hidden_size");
  mixer.residual = {SublayerInput::norm, "input_layernorm", "",
                    read_multiplier(config, "ssm_out_multiplier")};
  mixer.config.input_multiplier = read_multiplier(config, "ssm_in_multiplier");
  if (mixer.in_bias && mixer.config.input_multiplier != 1.0f)
    config.fail("mamba_proj_bias", "cannot be computed together with ssm_in_multiplier other than 1");
  const std::vector<float> parts = read_multipliers(config, "ssm_multipliers", 5);
  std::copy(parts.begin(), parts.end(), mixer.config.multipliers.begin());
  mixer.config.norm_before_gate = config.boolean("mamba_norm_before_gate");
  mixer.norm = config.boolean("mamba_rms_norm");
  mixer.out_bias = config.boolean("projectors_bias");
  return mixer;
}

/// Attention is linear in its input but for the scores: the multipliers of input and keys become those of scores and output.
void set_attention(const files::ModelConfig &config, AttentionDescription &attention) {
  const float in = read_multiplier(config, "attention_in_multiplier");
  attention.qkv.bias = attention.out.bias = config.boolean("attention_bias");
  if (attention.qkv.bias && (in != 1.0f || read_multiplier(config, "key_multiplier") != 1.0f))
    config.fail("attention_bias",
                "cannot be computed together with attention_in_multiplier or key_multiplier other than 1");
  attention.residual.input = SublayerInput::shared_norm;
  attention.residual.norm.clear();
  attention.config.scale *= in * in * read_multiplier(config, "key_multiplier");
  attention.residual.multiplier = in * read_multiplier(config, "attention_out_multiplier");
}

void set_mlp(const files::ModelConfig &config, MlpDescription &mlp) {
  const std::vector<float> multipliers = read_multipliers(config, "mlp_multipliers", 2);
  const bool bias = config.boolean("mlp_bias");
  mlp.residual = {SublayerInput::norm, "pre_ff_layernorm", "", multipliers[1]};
  mlp.gate_multiplier = multipliers[0];
  mlp.up = {{"feed_forward.gate_proj", "feed_forward.up_proj"}, bias};
  mlp.down = {{"feed_forward.down_proj"}, bias};
  if (bias && (multipliers[0] != 1.0f || multipliers[1] != 1.0f))
    config.fail("mlp_bias", "cannot be computed together with mlp_multipliers other than 1");
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  d.names.final_norm = "final_layernorm";
  d.embedding_scale = read_multiplier(config, "embedding_multiplier");
  d.logits_scale = read_multiplier(config, "lm_head_multiplier");
  const Mamba2Description mixer = describe_mixer(config, d.hidden_size);
  for (LayerDescription &layer : d.layers) {
    set_attention(config, layer.attention);
    set_mlp(config, layer.mlp);
  }
  return build_layers(d, loading, [&](size_t i, const TensorReader &reader) {
    Block block;
    block.push_back(build_mamba2(mixer, reader));
    block.push_back(build_attention(d.layers[i].attention, reader));
    block.push_back(build_mlp(d.layers[i].mlp, reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_falcon_h1 = {"falcon_h1", R"({
  "vocab_size": 128000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu", "rms_norm_eps": 1e-05,
  "max_position_embeddings": 8192, "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false,
  "mlp_bias": false, "projectors_bias": false, "mamba_d_ssm": 1024, "mamba_n_heads": 128, "mamba_d_head": 8,
  "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_conv_bias": true,
  "mamba_proj_bias": false, "mamba_norm_before_gate": true, "mamba_rms_norm": false, "embedding_multiplier": 1.0,
  "lm_head_multiplier": 1.0, "attention_in_multiplier": 1.0, "attention_out_multiplier": 1.0, "key_multiplier": 1.0,
  "ssm_in_multiplier": 1.0, "ssm_out_multiplier": 1.0, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0
})",
                                                  build};

}  // namespace kvern::models
