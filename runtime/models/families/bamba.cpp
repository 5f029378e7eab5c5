// Bamba (IBM 2024): Mamba-2 in most layers, attention with half of each head rotated in the others, an MLP in all.
#include <algorithm>

#include "runtime/models/mixers.hpp"

namespace kvern::models {
namespace {

std::vector<bool> read_attention_layers(const files::ModelConfig &config, size_t layers) {
  constexpr const char *key = "attn_layer_indices";
  std::vector<bool> attention(layers, false);
  if (!config.has(key)) return attention;
  for (const int64_t layer : config.integers(key)) {
    if (layer < 0 || layer >= static_cast<int64_t>(layers))
      config.fail(key, "names layer " + std::to_string(layer) + "; there are " + std::to_string(layers) +
                           ", counted from 0");
    attention[static_cast<size_t>(layer)] = true;
  }
  return attention;
}

void set_names(const files::ModelConfig &config, DecoderDescription &d) {
  const bool attention_bias = config.boolean("attention_bias"), mlp_bias = config.boolean("mlp_bias");
  d.names.final_norm = "final_layernorm";
  for (LayerDescription &layer : d.layers) {
    layer.attention.qkv.bias = layer.attention.out.bias = attention_bias;
    layer.mlp.residual.norm = "pre_ff_layernorm";
    layer.mlp.up = {{"feed_forward.gate_proj", "feed_forward.up_proj"}, mlp_bias};
    layer.mlp.down = {{"feed_forward.down_proj"}, mlp_bias};
  }
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  set_names(config, d);
  const std::vector<bool> attention = read_attention_layers(config, d.layers.size());
  Mamba2Description mixer =
      read_mamba2(config, config.size("mamba_expand") * d.hidden_size, "mamba_expand * hidden_size");
  mixer.residual.norm = "input_layernorm";
  return build_layers(d, loading, [&](size_t i, const TensorReader &reader) {
    Block block;
    block.push_back(attention[i] ? build_attention(d.layers[i].attention, reader)
                                 : build_mamba2(mixer, reader));
    block.push_back(build_mlp(d.layers[i].mlp, reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_bamba = {"bamba", R"({
  "vocab_size": 128000, "hidden_size": 4096, "intermediate_size": 14336, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_act": "silu", "rms_norm_eps": 1e-05,
  "max_position_embeddings": 262144, "rope_theta": 10000.0, "partial_rotary_factor": 0.5,
  "tie_word_embeddings": false, "attention_bias": false, "mlp_bias": false, "mamba_n_heads": 128,
  "mamba_d_head": 64, "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4, "mamba_expand": 2,
  "mamba_conv_bias": true, "mamba_proj_bias": false, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0
})",
                                              build};

}  // namespace kvern::models
