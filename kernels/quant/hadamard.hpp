// The orthonormal Hadamard rotation of a head: spreads outliers over all channels. Its own inverse.
#pragma once
#include <cstdint>

namespace kvern::kernels::quant {

/// Size of a Hadamard block: the largest power of two that divides dim (at least 1).
constexpr int64_t rotation_block(int64_t dim) { return dim & -dim; }

/// Rotates x [dim] in place, in blocks of rotation_block(dim); a block of 1 is unchanged.
void rotate(float *x, int64_t dim);

}  // namespace kvern::kernels::quant
