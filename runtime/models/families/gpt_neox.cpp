// GPT-NeoX (Black et al. 2022; also Pythia): layer norms with biases, a part of each head is rotated, queries, keys and values
// interleaved by head; attention and MLP run in parallel, each with a norm of its own, or one after the other.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

void describe(const files::ModelConfig &config, LayerDescription &layer) {
  AttentionDescription &attention = layer.attention;
  const bool bias = config.boolean("attention_bias", false);
  attention.config.qkv_by_head = true;
  attention.qkv = {{"attention.query_key_value"}, bias};
  attention.out = {{"attention.dense"}, bias};
  if (config.boolean("use_parallel_residual", false)) layer.mlp.residual.input = SublayerInput::block_norm;
  layer.mlp.gated = false;
  layer.mlp.up = {{"mlp.dense_h_to_4h"}, true};
  layer.mlp.down = {{"mlp.dense_4h_to_h"}, true};
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const AttentionConfig &attention = d.layers[0].attention.config;
  if (attention.kv_heads != attention.q_heads)
    config.fail("num_key_value_heads",
                "should be num_attention_heads (" + std::to_string(attention.q_heads) + ")");
  d.norm = {Norm::layer, static_cast<float>(config.number("layer_norm_eps")), 0.0f, true};
  d.names = {{"gpt_neox.", ""}, "layers.", "embed_in", "", "final_layer_norm", "embed_out"};
  for (LayerDescription &layer : d.layers) describe(config, layer);
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_gpt_neox = {"gpt_neox", R"({
  "vocab_size": 50432, "hidden_size": 6144, "intermediate_size": 24576, "num_hidden_layers": 44,
  "num_attention_heads": 64, "max_position_embeddings": 2048, "hidden_act": "gelu", "layer_norm_eps": 1e-05,
  "rope_theta": 10000.0, "partial_rotary_factor": 0.25, "attention_bias": true, "use_parallel_residual": true,
  "tie_word_embeddings": false, "bos_token_id": 0, "eos_token_id": 2
})",
                                                 build};

}  // namespace kvern::models
