// The orthonormal Hadamard rotation of a head: spreads outliers over all channels. Its own inverse.
#pragma once
#include <cstdint>

namespace kvern::kernels::quant {

/// The largest power of two that divides dim (at least 1): channels that are mixed with each other.
constexpr int64_t rotation_block(int64_t dim) { return dim & -dim; }

/// Rotates x [dim] in place, in blocks of rotation_block(dim); a block of 1 stays as it is.
void rotate(float *x, int64_t dim);

}  // namespace kvern::kernels::quant
