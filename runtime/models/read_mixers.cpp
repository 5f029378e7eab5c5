// Keys of config.json about recurrent mixers.
#include <algorithm>
#include <kvern/error.hpp>
#include <nlohmann/json.hpp>

#include "runtime/models/mixers.hpp"

namespace kvern::models {
namespace {

/// A number, or {"__float__": "Infinity"} as transformers 5 writes it.
float read_limit(const files::ModelConfig &config, const std::string &key, size_t index) {
  const nlohmann::json &limits = config.raw().at(key);
  if (!limits.is_array() || limits.size() != 2)
    config.fail(key, "should be a list of two numbers, the smallest and the largest time step");
  const nlohmann::json &limit = limits[index];
  if (limit.is_number()) return limit.get<float>();
  if (limit.is_object() && limit.value("__float__", nlohmann::json()) == "Infinity")
    return std::numeric_limits<float>::infinity();
  config.fail(key, "entry " + std::to_string(index) + " should be a number or {\"__float__\": \"Infinity\"}");
}

int64_t read_head_dim(const files::ModelConfig &config, int64_t inner, int64_t heads) {
  const bool automatic = !config.has("mamba_d_head") ||
                         (config.is_string("mamba_d_head") && config.string("mamba_d_head") == "auto");
  return automatic ? inner / heads : config.size("mamba_d_head");
}

}  // namespace

int64_t read_size_up_to(const files::ModelConfig &config, const std::string &key, int64_t most) {
  const int64_t size = config.size(key);
  if (size > most)
    config.fail(key, std::to_string(size) + " is more than the " + std::to_string(most) + " supported");
  return size;
}

int64_t read_taps(const files::ModelConfig &config, const std::string &key) {
  const int64_t taps = read_size_up_to(config, key, kernels::kMaxTaps);
  if (taps < 2) config.fail(key, "1 is no convolution over tokens; it should be 2 or more");
  return taps;
}

int64_t read_time_step_rank(const files::ModelConfig &config, const std::string &key) {
  const bool automatic = !config.has(key) || (config.is_string(key) && config.string(key) == "auto");
  return automatic ? (config.size("hidden_size") + 15) / 16 : config.size(key);
}

void require_silu(const files::ModelConfig &config, const std::string &key) {
  if (read_activation(config, key) != kernels::Activation::silu)
    config.fail(
        key, "'" + config.string(key) + "' cannot be computed between a recurrence and its gate; silu can");
}

Mamba2Description read_mamba2(const files::ModelConfig &config, int64_t inner, const std::string &inner_key) {
  Mamba2Description d;
  Mamba2Config &c = d.config;
  d.name = "mamba.";
  require_silu(config, "hidden_act");
  c.heads = config.size("mamba_n_heads");
  c.head_dim = read_head_dim(config, inner, c.heads);
  if (c.inner() != inner)
    config.fail("mamba_n_heads", std::to_string(c.heads) +
                                     " heads of mamba_d_head = " + std::to_string(c.head_dim) +
                                     " should be " + inner_key + " (" + std::to_string(inner) + ") together");
  c.groups = config.size("mamba_n_groups");
  if (c.heads % c.groups != 0)
    config.fail("mamba_n_groups",
                std::to_string(c.groups) + " should divide mamba_n_heads (" + std::to_string(c.heads) + ")");
  c.states = read_size_up_to(config, "mamba_d_state", kernels::kMaxSsdStates);
  if (config.has("time_step_limit")) {
    c.dt_min = read_limit(config, "time_step_limit", 0);
    c.dt_max = read_limit(config, "time_step_limit", 1);
  }
  d.taps = read_taps(config, "mamba_d_conv");
  d.conv_bias = config.boolean("mamba_conv_bias");
  d.in_bias = d.out_bias = config.boolean("mamba_proj_bias");
  return d;
}

std::vector<bool> read_state_layers(const files::ModelConfig &config, size_t layers,
                                    const std::vector<std::string> &state,
                                    const std::function<bool(size_t)> &otherwise) {
  std::vector<bool> found;
  if (!config.has("layer_types")) {
    for (size_t i = 0; i < layers; ++i) found.push_back(otherwise(i));
    return found;
  }
  std::vector<std::string> known = state;
  known.insert(known.end(), {"full_attention", "attention"});
  const std::vector<std::string> types = config.strings("layer_types");
  if (types.size() != layers)
    config.fail("layer_types", "has " + std::to_string(types.size()) + " entries; there are " +
                                   std::to_string(layers) + " layers");
  for (const std::string &type : types) {
    const auto at = std::find(known.begin(), known.end(), type);
    if (at == known.end())
      config.fail("layer_types",
                  "'" + type + "' should be " + state[0] + " or full_attention" + did_you_mean(type, known));
    found.push_back(at - known.begin() < static_cast<std::ptrdiff_t>(state.size()));
  }
  return found;
}

}  // namespace kvern::models
