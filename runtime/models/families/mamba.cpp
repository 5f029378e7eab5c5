// Mamba (Gu and Dao 2023): no attention and no MLP, a selective state space in every layer.
#include "runtime/models/mixers.hpp"

namespace kvern::models {
namespace {

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d;
  d.model_type = config.model_type;
  d.vocab_size = config.size("vocab_size");
  d.hidden_size = config.size("hidden_size");
  d.norm.eps = static_cast<float>(config.number("layer_norm_epsilon"));
  d.layers.resize(static_cast<size_t>(read_layer_count(config, "num_hidden_layers")));
  d.names.prefixes = {"backbone.", ""};
  d.names.layer = "layers.";
  d.names.embedding = "embeddings";
  d.names.final_norm = "norm_f";
  d.head_tied = config.boolean("tie_word_embeddings");
  return d;
}

MambaDescription describe_mixer(const files::ModelConfig &config, int64_t hidden_size) {
  MambaDescription mixer;
  mixer.residual.norm = "norm";
  mixer.name = "mixer.";
  mixer.inner = config.size("intermediate_size", config.size("expand") * hidden_size);
  mixer.states = read_size_up_to(config, "state_size", kernels::kMaxScanStates);
  mixer.rank = read_time_step_rank(config, "time_step_rank");
  mixer.taps = read_taps(config, "conv_kernel");
  mixer.projection_bias = config.boolean("use_bias");
  mixer.conv_bias = config.boolean("use_conv_bias");
  require_silu(config, "hidden_act");
  return mixer;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config);
  const MambaDescription mixer = describe_mixer(config, d.hidden_size);
  return build_layers(d, loading, [&](size_t, const TensorReader &reader) {
    Block block;
    block.push_back(build_mamba(mixer, reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_mamba = {"mamba", R"({
  "vocab_size": 50280, "hidden_size": 768, "state_size": 16, "num_hidden_layers": 32, "layer_norm_epsilon": 1e-05,
  "expand": 2, "conv_kernel": 4, "use_bias": false, "use_conv_bias": true, "hidden_act": "silu",
  "tie_word_embeddings": true, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0
})",
                                              build};

}  // namespace kvern::models
