// Sizes in whole pieces.
#pragma once
#include <cstdint>

namespace kvern::kernels {

/// The least number of pieces of `size` that hold n >= 0.
constexpr int64_t pieces_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

/// The least multiple of `to` that is not below n >= 0.
constexpr int64_t round_up(int64_t n, int64_t to) { return pieces_of(n, to) * to; }

}  // namespace kvern::kernels
