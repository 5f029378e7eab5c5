// EXAONE 4 (LG 2025): norms after each sublayer instead of before, queries and keys normalized per head; rotary embedding
// only in layers with a sliding window, where there are any.
#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

// sliding_window_pattern: 4 is three layers with the window, then one without; "LLLG" says the same.
bool slides(const files::ModelConfig &config, int64_t layer) {
  constexpr const char *key = "sliding_window_pattern";
  if (!config.is_string(key)) return (layer + 1) % config.size(key) != 0;
  const std::string pattern = config.string(key);
  if (pattern.empty()) config.fail(key, "is empty; it should have an L or a G for each layer in turn");
  return pattern[static_cast<size_t>(layer) % pattern.size()] == 'L';
}

std::unique_ptr<Model> build(const files::ModelConfig &config, const Loading &loading) {
  DecoderDescription d = describe_llama_like(config);
  const int64_t window = read_window(config, "sliding_window");
  const auto kinds = read_layer_types(config, static_cast<int64_t>(d.layers.size()),
                                      [&](int64_t i) { return window != 0 && slides(config, i); });
  set_windows(config, window, kinds, d);
  for (size_t i = 0; i < d.layers.size(); ++i) {
    LayerDescription &layer = d.layers[i];
    layer.attention.residual = {SublayerInput::residual, "", "post_attention_layernorm", 1.0f};
    layer.attention.qk_norm = QkNorm::head;
    layer.mlp.residual = {SublayerInput::residual, "", "post_feedforward_layernorm", 1.0f};
    if (window != 0 && kinds[i] == "full_attention") layer.attention.config.rope = nullptr;
  }
  return build_decoder(d, loading);
}

}  // namespace

extern constinit const Family family_exaone4 = {"exaone4", R"({
  "vocab_size": 102400, "hidden_size": 4096, "intermediate_size": 16384, "num_hidden_layers": 32,
  "num_attention_heads": 32, "max_position_embeddings": 2048, "rms_norm_eps": 1e-05, "hidden_act": "silu",
  "rope_theta": 10000.0, "tie_word_embeddings": false, "sliding_window": 4096, "sliding_window_pattern": 4,
  "bos_token_id": 0, "eos_token_id": 2
})",
                                                build};

}  // namespace kvern::models
