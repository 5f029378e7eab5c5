// The options of sink.
#pragma once
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/retention/sinks.hpp>

namespace kvern::sink {

namespace sdk = kvern::sdk;

struct Settings {
  int64_t window_length = 1024;  ///< tokens that a query sees, sinks and itself included
  int64_t num_sink_tokens = 4;   ///< of these, the first of a row
  bool counts_inside =
      false;  ///< the model sees distances alone, so that positions inside the window are all it sees
  bool absolute = false;  ///< transformers' positions instead of those inside the window

  sdk::Sinks retention() const { return {window_length, num_sink_tokens}; }
};

std::vector<sdk::Option> declared_options();

/// Throws sdk::Failure: INVALID_ARGUMENT for an impossible window, UNSUPPORTED for one that the model or a layer does not reach.
Settings read_settings(const sdk::Create &create);

}  // namespace kvern::sink
