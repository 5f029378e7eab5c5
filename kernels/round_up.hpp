// Sizes in whole pieces.
#pragma once
#include <cstdint>

namespace kvern::kernels {

/// ceil(n / size) for n >= 0.
constexpr int64_t pieces_of(int64_t n, int64_t size) { return (n + size - 1) / size; }

/// The smallest multiple of `to` that is at least n >= 0.
constexpr int64_t round_up(int64_t n, int64_t to) { return pieces_of(n, to) * to; }

}  // namespace kvern::kernels
