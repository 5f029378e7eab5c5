// LFM2 (Liquid AI 2025): gated short convolutions in most layers, attention with normalized queries and keys in the others.
#include <algorithm>

#include "runtime/models/mixers.hpp"

namespace kvern::models {
namespace {

/// block_ff_dim is what transformers 4 calls intermediate_size.
int64_t read_width(const files::ModelConfig &config) {
  int64_t width = config.size("block_ff_dim", config.size("intermediate_size"));
  if (!config.boolean("block_auto_adjust_ff_dim")) return width;
  width = 2 * width / 3;
  if (config.has("block_ffn_dim_multiplier"))
    width = static_cast<int64_t>(config.number("block_ffn_dim_multiplier") * static_cast<double>(width));
  const int64_t multiple = config.size("block_multiple_of");
  return (width + multiple - 1) / multiple * multiple;
}

/// Whether each layer has a convolution.
std::vector<bool> read_layers(const files::ModelConfig &config, size_t layers) {
  std::vector<int64_t> attention;
  const bool listed = config.has("full_attn_idxs");
  if (listed) attention = config.integers("full_attn_idxs");
  for (const int64_t layer : attention) {
    if (layer < 0 || layer >= static_cast<int64_t>(layers))
      config.fail("full_attn_idxs", "names layer " + std::to_string(layer) + "; there are " +
                                        std::to_string(layers) + ", counted from 0");
  }
  return read_state_layers(config, layers, {"conv"}, [&](size_t i) {
    return listed &&
           std::find(attention.begin(), attention.end(), static_cast<int64_t>(i)) == attention.end();
  });
}

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config.with_defaults(R"({"hidden_act": "silu"})", {}));
  d.norm.eps = static_cast<float>(config.number("norm_eps"));
  d.names.final_norm = "embedding_norm";
  if (config.has("theta") && !config.has("rope_parameters")) {  // of transformers 4
    RopeConfig rope = read_rope(config, d.layers[0].attention.config.head_dim);
    rope.theta = config.number("theta");
    set_rope(rope, d);
  }
  const int64_t width = read_width(config);
  for (LayerDescription &layer : d.layers) {
    layer.attention.residual.norm = "operator_norm";
    layer.attention.out = {{"self_attn.out_proj"}, false};
    layer.attention.qk_norm = QkNorm::head;
    layer.attention.q_norm = "self_attn.q_layernorm";
    layer.attention.k_norm = "self_attn.k_layernorm";
    layer.mlp.residual.norm = "ffn_norm";
    layer.mlp.intermediate_size = width;
    layer.mlp.up = {{"feed_forward.w1", "feed_forward.w3"}, false};
    layer.mlp.down = {{"feed_forward.w2"}, false};
  }
  return d;
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  const DecoderDescription d = describe(config);
  const std::vector<bool> convolves = read_layers(config, d.layers.size());
  ShortConvDescription conv;
  conv.residual.norm = "operator_norm";
  conv.name = "conv.";
  conv.taps = read_taps(config, "conv_L_cache");
  conv.bias = config.boolean("conv_bias");
  return build_layers(d, loading, [&](size_t i, const TensorReader &reader) {
    Block block;
    block.push_back(convolves[i] ? build_short_conv(conv, reader)
                                 : build_attention(d.layers[i].attention, reader));
    block.push_back(build_mlp(d.layers[i].mlp, reader));
    return block;
  });
}

}  // namespace

extern constinit const Family family_lfm2 = {"lfm2", R"({
  "vocab_size": 65536, "hidden_size": 2560, "intermediate_size": 12288, "num_hidden_layers": 32,
  "num_attention_heads": 32, "num_key_value_heads": 8, "max_position_embeddings": 128000, "norm_eps": 1e-05,
  "rope_theta": 1000000.0, "tie_word_embeddings": true, "conv_bias": false, "conv_L_cache": 3,
  "block_multiple_of": 256, "block_ffn_dim_multiplier": 1.0, "block_auto_adjust_ff_dim": true,
  "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0
})",
                                             build};

}  // namespace kvern::models
