// The orthonormal Hadamard rotation of a head: spreads outliers over all channels. Its own inverse.
#pragma once
#include <cstdint>

namespace kvern::kernels::quant {

/// Rotates x [dim] in place, in blocks of the largest power of two that divides dim (a block of 1 stays as it is).
void rotate(float *x, int64_t dim);

}  // namespace kvern::kernels::quant
