// StarCoder2 (Lozhkov et al. 2024): Llama with layer norms, biases and a plain MLP.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  d.norm = {Norm::layer, static_cast<float>(config.number("norm_epsilon")), 0.0f, true};
  const bool bias = config.boolean("use_bias", false);
  const int64_t window = read_window(config, "sliding_window");
  for (LayerDescription &layer : d.layers) {
    layer.attention.config.window = window;
    layer.attention.qkv.bias = layer.attention.out.bias = bias;
    layer.mlp.gated = false;
    layer.mlp.up = {{"mlp.c_fc"}, bias};
    layer.mlp.down = {{"mlp.c_proj"}, bias};
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_starcoder2 = {"starcoder2", R"({
  "vocab_size": 49152, "hidden_size": 3072, "intermediate_size": 12288, "num_hidden_layers": 30,
  "num_attention_heads": 24, "num_key_value_heads": 2, "max_position_embeddings": 4096,
  "hidden_act": "gelu_pytorch_tanh", "rope_theta": 10000.0, "tie_word_embeddings": true, "norm_epsilon": 1e-05,
  "use_bias": true, "bos_token_id": 50256, "eos_token_id": 50256
})",
                                                   build};

}  // namespace kvern::models
