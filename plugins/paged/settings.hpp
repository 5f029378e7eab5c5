// The options of paged.
#pragma once
#include <kvern/sdk/create.hpp>

#include "kernels/quant/format.hpp"

namespace kvern::paged {

namespace sdk = kvern::sdk;
namespace quant = kvern::kernels::quant;

struct Settings {
  int64_t block_size = 256;
  bool packs = false;              ///< full blocks are packed
  quant::TensorFormat key, value;  ///< without dim
  int64_t residual_length = 0;

  bool same_format(const Settings &other) const;
};

std::vector<sdk::Option> declared_options();

/// Throws sdk::Failure, INVALID_ARGUMENT.
Settings read_settings(const sdk::Options &options);

}  // namespace kvern::paged
