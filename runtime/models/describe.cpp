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

constexpr std::array<std::pair<const char *, Activation>, 8> kActivations{
    {{"silu", Activation::silu},
     {"swish", Activation::silu},
     {"gelu", Activation::gelu},
     {"gelu_python", Activation::gelu},
     {"gelu_new", Activation::gelu_tanh},
     {"gelu_fast", Activation::gelu_tanh},
     {"gelu_pytorch_tanh", Activation::gelu_tanh},
     {"relu", Activation::relu}}};

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
  rope.factor = from.original_max_position_embeddings ? static_cast<double>(rope.max_positions) /
                                                            static_cast<double>(rope.original_max_positions)
                                                      : from.factor.value_or(1.0);
  rope.attention_factor =
      from.attention_factor.value_or(longrope_attention_factor(rope.factor, rope.original_max_positions));
}

// What YaRN multiplies attention by, as transformers computes it: by the mscales of DeepSeek if both are given.
double yarn_attention_factor(const files::RopeParameters &from, double factor) {
  const auto by = [factor](double mscale) { return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0; };
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

RopeConfig read_rope(const files::ModelConfig &config, int64_t head_dim) {
  const files::RopeParameters from = config.rope();
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

DecoderDescription describe_llama_like(const files::ModelConfig &config) {
  DecoderDescription d;
  DecoderConfig &c = d.config;
  c.model_type = config.model_type;
  c.vocab_size = config.size("vocab_size");
  c.hidden_size = config.size("hidden_size");
  c.intermediate_size = config.size("intermediate_size");
  c.q_heads = config.size("num_attention_heads");
  c.kv_heads = config.size("num_key_value_heads", c.q_heads);
  check_divisible(config, "num_attention_heads", c.q_heads, "num_key_value_heads", c.kv_heads);
  if (!config.has("head_dim"))
    check_divisible(config, "hidden_size", c.hidden_size, "num_attention_heads", c.q_heads);
  c.head_dim = config.size("head_dim", c.hidden_size / c.q_heads);
  c.norm_eps = static_cast<float>(config.number("rms_norm_eps", 1e-6));
  c.activation = read_activation(config, "hidden_act");
  c.rope = read_rope(config, c.head_dim);
  c.max_positions = context_length(*c.rope);
  LayerConfig layer;
  layer.scale = 1.0f / std::sqrt(static_cast<float>(c.head_dim));
  c.layers.assign(read_layer_count(config, "num_hidden_layers"), layer);

  DecoderNames &n = d.names;
  n.prefixes = {"model.", ""};
  n.layer = "layers.";
  n.embedding = "embed_tokens";
  n.final_norm = "norm";
  n.head_tied = config.boolean("tie_word_embeddings", false);
  n.attention_norm = "input_layernorm";
  n.mlp_norm = "post_attention_layernorm";
  n.qkv = {{"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}, false};
  n.out = {{"self_attn.o_proj"}, false};
  n.up = {{"mlp.gate_proj", "mlp.up_proj"}, false};
  n.down = {{"mlp.down_proj"}, false};
  return d;
}

int64_t read_layer_count(const files::ModelConfig &config, const std::string &key) {
  const int64_t n = config.size(key);
  constexpr int64_t most = 4096;
  if (n > most)
    config.fail(key, std::to_string(n) + " layers are more than the " + std::to_string(most) + " supported");
  return n;
}

}  // namespace kvern::models
