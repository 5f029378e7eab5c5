// Granite 4 (IBM 2025): Granite with Mamba-2 in most layers, a shared MLP in all, and experts beside it where there are any.
#include <cmath>

#include "runtime/models/mixers.hpp"
#include "runtime/models/read_experts.hpp"

namespace kvern::models {
namespace {

float read_scale(const files::ModelConfig &config, const char *key) {
  const double scale = config.number(key);
  if (!std::isfinite(scale) || scale == 0.0) config.fail(key, "expected a finite number other than 0");
  return static_cast<float>(scale);
}

void set_feed_forward(const files::ModelConfig &config, LayerDescription &layer) {
  const int64_t shared = config.size("shared_intermediate_size");
  layer.mlp.up = {{"shared_mlp.input_linear"}, false};
  layer.mlp.down = {{"shared_mlp.output_linear"}, false};
  if (config.integer("num_local_experts") != 0) {
    ExpertsDescription experts = describe_experts(
        config, {"num_local_experts", "num_experts_per_tok", "intermediate_size"}, layer.mlp);
    experts.routing.normalize = true;  // softmax of the chosen logits
    experts.storage = ExpertStorage::stacked;
    experts.names = {"block_sparse_moe.router.layer",
                     "",
                     "block_sparse_moe.input_linear.weight",
                     "",
                     "block_sparse_moe.output_linear.weight",
                     "",
                     "",
                     ""};
    experts.shared = {shared, "shared_mlp.input_linear", "", "shared_mlp.output_linear", ""};
    layer.experts = experts;
  }
  layer.mlp.intermediate_size = shared;
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  d.embedding_scale = read_scale(config, "embedding_multiplier");
  d.logits_scale = 1.0f / read_scale(config, "logits_scaling");
  const bool bias = config.boolean("attention_bias");
  const bool rotates = config.string("position_embedding_type", "") == "rope";
  for (LayerDescription &layer : d.layers) {
    layer.attention.config.scale = read_scale(config, "attention_multiplier");
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
    if (!rotates) layer.attention.config.rope = nullptr;
    layer.attention.residual.multiplier = layer.mlp.residual.multiplier =
        read_scale(config, "residual_multiplier");
    set_feed_forward(config, layer);
  }
  return d;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config);
  const std::vector<bool> state =
      read_state_layers(config, d.layers.size(), {"mamba", "linear_attention"}, [](size_t) { return true; });
  Mamba2Description mixer =
      read_mamba2(config, config.size("mamba_expand") * d.hidden_size, "mamba_expand * hidden_size");
  mixer.residual = d.layers[0].attention.residual;
  return build_layers(d, loading, [&](size_t i, const TensorReader &reader) {
    Block block;
    block.push_back(state[i] ? build_mamba2(mixer, reader) : build_attention(d.layers[i].attention, reader));
    block.push_back(build_feed_forward(d.layers[i], reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_granitemoehybrid = {"granitemoehybrid", R"({
  "vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32,
  "num_attention_heads": 32, "hidden_act": "silu", "rms_norm_eps": 1e-06, "max_position_embeddings": 2048,
  "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false, "embedding_multiplier": 1.0,
  "logits_scaling": 1.0, "residual_multiplier": 1.0, "attention_multiplier": 1.0, "num_local_experts": 8,
  "num_experts_per_tok": 2, "shared_intermediate_size": 1024, "mamba_n_heads": 128, "mamba_d_head": 64,
  "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_expand": 2, "mamba_conv_bias": true,
  "mamba_proj_bias": false, "bos_token_id": 1, "eos_token_id": 2
})",
                                                         build};

}  // namespace kvern::models
