// The options of sliding_window, and the window that each layer gets.
#pragma once
#include <kvern/sdk/create.hpp>

namespace kvern::sliding_window {

namespace sdk = kvern::sdk;

struct Settings {
  int64_t window_length = 0;  ///< 0: each layer's own
  bool force = false;         ///< a window that the model does not have is accepted
};

std::vector<sdk::Option> declared_options();

/// Throws sdk::Failure, INVALID_ARGUMENT.
Settings read_settings(const sdk::Options &options);

/// Throws sdk::Failure, UNSUPPORTED, for a layer whose result the window would change, unless `force` is set.
int64_t window_of(const Settings &settings, int number, const sdk::Layer &layer);

}  // namespace kvern::sliding_window
