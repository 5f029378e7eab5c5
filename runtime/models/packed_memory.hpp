// Memory of a packed matrix that is made on load.
#pragma once
#include "kernels/weights/quantize.hpp"
#include "runtime/models/weight.hpp"

namespace kvern::models {

/// A packed matrix, and where to write it.
struct PackedMemory {
  PackedWeight weight;
  kernels::PackedTarget target;
  uint8_t *zeros = nullptr;
  int32_t *order = nullptr;
};

/// For a matrix of this n, k, bits and group; zeros and the order of columns on demand, else NULL. Codes and scales are 0.
PackedMemory take_packed(const kernels::PackedMatrix &shape, bool zeros, bool order);

}  // namespace kvern::models
