// Phi-1, Phi-1.5 and Phi-2 (Gunasekar et al. 2023): a part of each head turns, attention and MLP read the
// same norm.
#include "runtime/models/families/family.hpp"

namespace kvern::models {

DecoderDescription describe_phi(const files::ModelConfig &config) {
  DecoderDescription d = describe_llama_like(config, {.theta = 10000.0, .partial_rotary_factor = 0.5});
  DecoderConfig &c = d.config;
  c.norm = Norm::layer;
  c.norm_eps = static_cast<float>(config.number("layer_norm_eps", 1e-5));
  c.activation = read_activation(config, "hidden_act", "gelu_new");
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

}  // namespace kvern::models
