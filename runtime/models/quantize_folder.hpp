// A model folder with packed weights, made once and mapped from then on.
#pragma once
#include <cstdint>
#include <filesystem>

#include "runtime/models/weight_reader.hpp"

namespace kvern {

struct QuantizeReport {
  int64_t matrices = 0;      ///< that were packed
  int64_t bytes_before = 0;  ///< of all tensors of the folder
  int64_t bytes_after = 0;   ///< of all tensors that were written
};

/// Writes `to`: the tensors of `from`, those that `packing` means packed; config.json with a quantization_config; all other files but
/// those of weights. The folder is there whole or not at all. Throws Error(output) where `to` exists or cannot be written, and what
/// load_model throws.
QuantizeReport quantize_folder(const std::filesystem::path &from, const std::filesystem::path &to,
                               const models::Packing &packing);

}  // namespace kvern
