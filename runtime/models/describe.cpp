// Keys of config.json that mean the same in several families.
#include <algorithm>
#include <array>
#include <cmath>
#include <kvern/error.hpp>
#include <utility>

#include "runtime/models/family.hpp"

namespace kvern::models {
namespace {

using kernels::Activation;

constexpr std::array<std::pair<const char *, Activation>, 9> kActivations{
    {{"silu", Activation::silu},
     {"swish", Activation::silu},
     {"gelu", Activation::gelu},
     {"gelu_python", Activation::gelu},
     {"gelu_new", Activation::gelu_tanh},
     {"gelu_fast", Activation::gelu_tanh},
     {"gelu_pytorch_tanh", Activation::gelu_tanh},
     {"relu", Activation::relu},
     {"relu2", Activation::relu2}}};

void check_divisible(const files::ModelConfig &config, const char *key, int64_t value, const char *by,
                     int64_t divisor) {
  if (value % divisor == 0) return;
  config.fail(
      key, std::to_string(value) + " should be a multiple of " + by + " (" + std::to_string(divisor) + ")");
}

// transformers: the longer the context is stretched, the sharper the attention.
double longrope_attention_factor(double stretch, int64_t original) {
  if (stretch <= 1.0) return 1.0;
  return std::sqrt(1.0 + std::log(stretch) / std::log(static_cast<double>(original)));
}

void read_longrope(const files::ModelConfig &config, const files::RopeParameters &from, RopeConfig &rope) {
  const size_t pairs = static_cast<size_t>(rope.rotary_dim / 2);
  if (from.short_factor.size() != pairs) {
    config.fail("rope_scaling", "short_factor and long_factor have " +
                                    std::to_string(from.short_factor.size()) +
                                    " numbers; they should have one for each of the " +
                                    std::to_string(pairs) + " rotated pairs of a head");
  }
  rope.short_factor = from.short_factor;
  rope.long_factor = from.long_factor;
  rope.original_max_positions = from.original_max_position_embeddings.value_or(rope.max_positions);
  rope.factor = from.factor.value_or(static_cast<double>(rope.max_positions) /
                                     static_cast<double>(rope.original_max_positions));
  rope.attention_factor =
      from.attention_factor.value_or(longrope_attention_factor(rope.factor, rope.original_max_positions));
}

// What YaRN multiplies attention by, as transformers computes it: by the mscales of DeepSeek if both are given.
double yarn_attention_factor(const files::RopeParameters &from, double factor) {
  const auto by = [factor](double mscale) {
    return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
  };
  if (from.attention_factor) return *from.attention_factor;
  const double mscale = from.mscale.value_or(0.0), all = from.mscale_all_dim.value_or(0.0);
  return mscale != 0.0 && all != 0.0 ? by(mscale) / by(all) : by(1.0);
}

void read_yarn(const files::RopeParameters &from, RopeConfig &rope) {
  rope.beta_fast = from.beta_fast;
  rope.beta_slow = from.beta_slow;
  rope.truncate = from.truncate;
  rope.attention_factor = yarn_attention_factor(from, rope.factor);
}

RopeConfig::Type rope_type(const files::ModelConfig &config, files::RopeType type) {
  switch (type) {
    case files::RopeType::standard:
      return RopeConfig::Type::standard;
    case files::RopeType::linear:
      return RopeConfig::Type::linear;
    case files::RopeType::dynamic:
      return RopeConfig::Type::dynamic;
    case files::RopeType::llama3:
      return RopeConfig::Type::llama3;
    case files::RopeType::longrope:
      return RopeConfig::Type::longrope;
    case files::RopeType::yarn:
      return RopeConfig::Type::yarn;
    default:
      config.fail(config.has("rope_parameters") ? "rope_parameters" : "rope_scaling",
                  "the type '" + files::rope_type_name(type) +
                      "' cannot be computed; default, linear, dynamic, llama3, longrope and yarn can");
  }
}

}  // namespace

Activation read_activation(const files::ModelConfig &config, const std::string &key) {
  const std::string name = config.string(key);
  std::vector<std::string> known;
  std::string list;
  for (const auto &[candidate, activation] : kActivations) {
    if (name == candidate) return activation;
    known.emplace_back(candidate);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  config.fail(key, "the activation '" + name + "' is unknown; known are " + list + did_you_mean(name, known));
}

RopeConfig read_rope(const files::ModelConfig &config, int64_t head_dim, const std::string &layer_type) {
  const files::RopeParameters from = config.rope({}, layer_type);
  RopeConfig rope;
  rope.type = rope_type(config, from.type);
  rope.theta = from.theta;
  rope.rotary_dim = static_cast<int64_t>(static_cast<double>(head_dim) * from.partial_rotary_factor);
  if (rope.rotary_dim % 2 != 0 || rope.rotary_dim == 0) {
    config.fail("partial_rotary_factor", "gives rotary_dim = " + std::to_string(rope.rotary_dim) +
                                             " of head_dim = " + std::to_string(head_dim) +
                                             "; it must be even and above 0");
  }
  rope.max_positions = config.size("max_position_embeddings");
  rope.factor = from.factor.value_or(1.0);
  rope.low_freq_factor = from.low_freq_factor;
  rope.high_freq_factor = from.high_freq_factor;
  rope.original_max_positions = from.original_max_position_embeddings.value_or(0);
  if (rope.type == RopeConfig::Type::longrope) read_longrope(config, from, rope);
  if (rope.type == RopeConfig::Type::yarn) read_yarn(from, rope);
  return rope;
}

int64_t context_length(const RopeConfig &rope) {
  using Type = RopeConfig::Type;
  if (rope.type == Type::dynamic) return 0;
  if (rope.type == Type::standard) return rope.max_positions;
  const int64_t original = rope.type == Type::linear ? rope.max_positions : rope.original_max_positions;
  const double stretched = std::min(static_cast<double>(original) * rope.factor, 2147483647.0);
  return std::max(rope.max_positions, static_cast<int64_t>(stretched));
}

int64_t read_window(const files::ModelConfig &config, const std::string &key) { return config.size(key, 0); }

namespace {

AttentionConfig read_attention(const files::ModelConfig &config, int64_t hidden_size) {
  AttentionConfig c;
  c.q_heads = config.size("num_attention_heads");
  c.kv_heads = config.size("num_key_value_heads", c.q_heads);
  check_divisible(config, "num_attention_heads", c.q_heads, "num_key_value_heads", c.kv_heads);
  if (!config.has("head_dim"))
    check_divisible(config, "hidden_size", hidden_size, "num_attention_heads", c.q_heads);
  c.head_dim = config.size("head_dim", hidden_size / c.q_heads);
  c.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  return c;
}

LayerDescription llama_layer(const files::ModelConfig &config, int64_t hidden_size,
                             const std::string &activation_key) {
  LayerDescription layer;
  layer.attention.config = read_attention(config, hidden_size);
  layer.attention.residual.norm = "input_layernorm";
  layer.attention.qkv = {{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, false};
  layer.attention.out = {{"self_attn.o_proj"}, false};
  layer.attention.q_norm = "self_attn.q_norm";
  layer.attention.k_norm = "self_attn.k_norm";
  layer.mlp.residual.norm = "post_attention_layernorm";
  layer.mlp.intermediate_size = config.size("intermediate_size");
  layer.mlp.activation = read_activation(config, activation_key);
  layer.mlp.up = {{"mlp.gate_proj", "mlp.up_proj"}, false};
  layer.mlp.down = {{"mlp.down_proj"}, false};
  return layer;
}

}  // namespace

void set_rope(RopeConfig config, DecoderDescription &d) {
  const auto rope = std::make_shared<const Rope>(std::move(config));
  for (LayerDescription &layer : d.layers) layer.attention.config.rope = rope;
  d.max_positions = context_length(rope->config());
}

DecoderDescription describe_llama_like(const files::ModelConfig &config, const std::string &activation_key,
                                       const std::string &rope_layer_type) {
  DecoderDescription d;
  d.model_type = config.model_type;
  d.vocab_size = config.size("vocab_size");
  d.hidden_size = config.size("hidden_size");
  d.norm.eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  const LayerDescription layer = llama_layer(config, d.hidden_size, activation_key);
  d.layers.assign(static_cast<size_t>(read_layer_count(config, "num_hidden_layers")), layer);
  set_rope(read_rope(config, layer.attention.config.head_dim, rope_layer_type), d);
  d.names.prefixes = {"model.", ""};
  d.names.layer = "layers.";
  d.names.embedding = "embed_tokens";
  d.names.final_norm = "norm";
  d.head_tied = config.boolean("tie_word_embeddings", false);
  return d;
}

void set_windows(const files::ModelConfig &config, int64_t window, const std::vector<std::string> &kinds,
                 DecoderDescription &d) {
  if (kinds.size() != d.layers.size()) {
    config.fail("layer_types", "has " + std::to_string(kinds.size()) + " entries; there are " +
                                   std::to_string(d.layers.size()) + " layers");
  }
  const std::vector<std::string> known = {"full_attention", "sliding_attention"};
  for (size_t i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == known[1]) d.layers[i].attention.config.window = window;
    if (std::find(known.begin(), known.end(), kinds[i]) != known.end()) continue;
    config.fail("layer_types", "'" + kinds[i] + "' should be full_attention or sliding_attention" +
                                   did_you_mean(kinds[i], known));
  }
}

std::vector<std::string> read_layer_types(const files::ModelConfig &config, int64_t layers,
                                          const std::function<bool(int64_t)> &slides) {
  if (config.has("layer_types")) return config.strings("layer_types");
  std::vector<std::string> types;
  for (int64_t i = 0; i < layers; ++i) types.emplace_back(slides(i) ? "sliding_attention" : "full_attention");
  return types;
}

int64_t read_layer_count(const files::ModelConfig &config, const std::string &key) {
  const int64_t n = config.size(key);
  constexpr int64_t most = 4096;
  if (n > most)
    config.fail(key, std::to_string(n) + " layers are more than the " + std::to_string(most) + " supported");
  return n;
}

}  // namespace kvern::models
