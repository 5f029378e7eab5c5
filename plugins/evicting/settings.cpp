#include "plugins/evicting/settings.hpp"

#include <algorithm>

namespace kvern::evicting {
namespace {

constexpr int64_t kMaxBudget = int64_t{1} << 30;

Policy policy_of(std::string_view name) {
  if (name == "h2o") return Policy::h2o;
  if (name == "snapkv") return Policy::snapkv;
  return name == "tova" ? Policy::tova : Policy::window_random;
}

/// Bytes of a key and a value of one head, in the layer where they are largest.
int64_t token_bytes(const sdk::Create &create) {
  int64_t bytes = 1;
  for (const sdk::Layer &layer : create.layers) {
    if (layer.kind != KVERN_LAYER_ATTENTION) continue;
    const int64_t elements = layer.head_dim_k + (layer.values_in_keys() ? 0 : layer.head_dim_v);
    bytes = std::max(bytes, elements * sdk::element_bytes(create.type));
  }
  return bytes;
}

int64_t budget_of(const sdk::Create &create) {
  const sdk::Options &options = create.options;
  if (!options.is_written("budget_bytes")) return options.integer("budget_tokens", 1, kMaxBudget);
  if (options.is_written("budget_tokens"))
    sdk::fail(KVERN_INVALID_ARGUMENT, "budget_tokens and budget_bytes exclude each other: write one");
  const int64_t bytes = options.integer("budget_bytes", 1), token = token_bytes(create);
  if (bytes < token) {
    sdk::fail(KVERN_INVALID_ARGUMENT, "budget_bytes = ", bytes,
              " holds no token: a key and a value of a head take ", token, " bytes");
  }
  return std::min(bytes / token, kMaxBudget);
}

/// As the papers have it: H2O gives half of the budget to recent tokens, SnapKV keeps its observation window, TOVA protects
/// the newest token only.
int64_t default_recent(const Settings &settings) {
  if (settings.policy == Policy::tova) return 1;
  const int64_t half = std::max<int64_t>(1, settings.budget / 2);
  return settings.policy == Policy::snapkv ? std::min(settings.observation, half) : half;
}

}  // namespace

std::vector<sdk::Option> declared_options() {
  const Settings defaults;
  return {sdk::string_option("policy", "h2o"),
          sdk::integer_option("budget_tokens", defaults.budget),
          sdk::integer_option("budget_bytes", 0),
          sdk::integer_option("num_sink_tokens", defaults.num_sink_tokens),
          sdk::integer_option("num_recent_tokens", 0),
          sdk::integer_option("window_size", defaults.observation),
          sdk::integer_option("kernel_size", defaults.kernel_size),
          sdk::integer_option("seed", defaults.seed)};
}

Settings read_settings(const sdk::Create &create) {
  const sdk::Options &options = create.options;
  Settings settings;
  settings.policy = policy_of(options.string_of("policy", {"h2o", "snapkv", "tova", "window+random"}));
  settings.budget = budget_of(create);
  settings.observation = options.integer("window_size", 1, kMaxBudget);
  settings.kernel_size = options.integer("kernel_size", 1, 1023);
  settings.seed = options.integer("seed");
  settings.num_sink_tokens = options.integer("num_sink_tokens", 0, kMaxBudget);
  settings.num_recent_tokens = options.is_written("num_recent_tokens")
                                   ? options.integer("num_recent_tokens", 1, kMaxBudget)
                                   : default_recent(settings);
  const int64_t kept = settings.num_sink_tokens + settings.num_recent_tokens;
  if (kept > settings.budget) {
    sdk::fail(KVERN_INVALID_ARGUMENT, "num_sink_tokens = ", settings.num_sink_tokens,
              " and num_recent_tokens = ", settings.num_recent_tokens, " are more than the budget of ",
              settings.budget, " tokens a head: it must be at least ", kept);
  }
  for (const char *key : {"window_size", "kernel_size"}) {
    if (options.is_written(key) && settings.policy != Policy::snapkv)
      sdk::fail(KVERN_INVALID_ARGUMENT, key, " belongs to policy = \"snapkv\"");
  }
  if (options.is_written("seed") && settings.policy != Policy::window_random)
    sdk::fail(KVERN_INVALID_ARGUMENT, "seed belongs to policy = \"window+random\"");
  return settings;
}

}  // namespace kvern::evicting
