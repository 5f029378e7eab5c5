// Phi-1, Phi-1.5 and Phi-2 (Gunasekar et al. 2023): a part of each head is rotated, attention and MLP read the
// same norm.
#include "runtime/models/family.hpp"

namespace kvern::models {

namespace {

DecoderDescription describe(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config);
  DecoderConfig &c = d.config;
  c.norm = Norm::layer;
  c.norm_eps = static_cast<float>(config.number("layer_norm_eps"));
  c.parallel_block = true;
  c.gated_mlp = false;
  c.qk_norm = config.boolean("qk_layernorm", false);

  DecoderNames &n = d.names;
  n.final_norm = "final_layernorm";
  n.head_bias = true;
  n.mlp_norm = "";
  n.q_norm = "self_attn.q_layernorm";
  n.k_norm = "self_attn.k_layernorm";
  n.qkv.bias = true;
  n.out = {{"self_attn.dense"}, true};
  n.up = {{"mlp.fc1"}, true};
  n.down = {{"mlp.fc2"}, true};
  return d;
}

}  // namespace

extern constinit const Family family_phi = {"phi", R"({
  "vocab_size": 51200, "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 24,
  "num_attention_heads": 32, "max_position_embeddings": 2048, "layer_norm_eps": 1e-05, "hidden_act": "gelu_new",
  "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "qk_layernorm": false, "tie_word_embeddings": false,
  "bos_token_id": 1, "eos_token_id": 2
})", describe};

}  // namespace kvern::models
