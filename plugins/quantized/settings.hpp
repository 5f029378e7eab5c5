// The options of the quantized cache, read and checked.
#pragma once
#include <kvern/sdk/create.hpp>

#include "kernels/quant/attention.hpp"
#include "kernels/quant/quantize.hpp"

namespace kvern::quantized {

namespace quant = kernels::quant;

struct Settings {
  quant::TensorFormat key, value;  ///< without dim, which is the layer's
  int64_t residual_length = 0;     ///< the last tokens of a row that are never packed
  quant::ComputeDtype arithmetic = quant::ComputeDtype::automatic;
  quant::Search search = quant::Search::fast;
};

std::vector<sdk::Option> declared_options();

/// Throws sdk::Failure, INVALID_ARGUMENT, that names the option and what is allowed.
Settings read_settings(const sdk::Options &options);

/// How the blocks of this layer lie in memory. Throws sdk::Failure.
quant::BlockFormat format_of(const Settings &settings, const sdk::Layer &layer);

/// Throws sdk::Failure, UNSUPPORTED, for anything but float32, bfloat16 and float16.
kernels::Dtype to_kernel(DLDataType type);

}  // namespace kvern::quantized
