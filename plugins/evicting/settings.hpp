// The options of evicting.
#pragma once
#include <kvern/sdk/create.hpp>

namespace kvern::evicting {

namespace sdk = kvern::sdk;

/// Keys of a head beyond the budget until they are evicted in one batch.
constexpr int64_t kBlock = 16;

enum class Policy { h2o, snapkv, tova, window_random };

struct Settings {
  Policy policy = Policy::h2o;
  int64_t budget = 1024;          ///< keys of a head
  int64_t num_sink_tokens = 4;    ///< first tokens that stay
  int64_t num_recent_tokens = 0;  ///< last tokens that stay
  int64_t observation = 32;       ///< snapkv: last queries whose attention counts
  int64_t kernel_size = 5;        ///< snapkv: neighbouring keys whose mass is averaged
  int64_t seed = 0;               ///< window+random

  bool needs_mass() const { return policy != Policy::window_random; }
};

std::vector<sdk::Option> declared_options();

/// Throws sdk::Failure, INVALID_ARGUMENT.
Settings read_settings(const sdk::Create &create);

}  // namespace kvern::evicting
