// Random packed matrices for tests and benchmarks.
#pragma once
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/test_support.hpp"
#include "kernels/weights/quantize.hpp"

namespace kvern::kernels::testing {

struct RandomMatrix {
  std::vector<uint8_t> codes, zeros;
  std::vector<uint16_t> scales;
  std::vector<int32_t> order;
  PackedMatrix matrix;
};

inline RandomMatrix empty_matrix(int64_t n, int64_t k, int bits, int64_t group) {
  RandomMatrix to;
  to.matrix.n = n, to.matrix.k = k, to.matrix.bits = bits, to.matrix.group = group;
  to.codes.resize(static_cast<size_t>(to.matrix.code_bytes()));
  to.scales.resize(static_cast<size_t>(to.matrix.scale_count()));
  to.matrix.codes = to.codes.data();
  to.matrix.scales = to.scales.data();
  return to;
}

/// All codes are `code`, all scales 1.
inline RandomMatrix filled_matrix(int64_t n, int64_t k, int bits, int code) {
  RandomMatrix to = empty_matrix(n, k, bits, k);
  std::fill(to.scales.begin(), to.scales.end(), f32_to_f16(1.0f));
  for (int64_t row = 0; row < n; ++row)
    for (int64_t column = 0; column < k; ++column) store_code(to.matrix, to.codes.data(), row, column, code);
  return to;
}

/// Bits, group, levels, zeros and, if `may_order`, the order of columns at random.
inline RandomMatrix random_matrix(Random &random, int64_t n, int64_t k, bool may_order) {
  const int bits = random.pick({8, 4, 4});
  RandomMatrix to = empty_matrix(n, k, bits, random.pick({int64_t{32}, k}));
  for (int64_t row = 0; row < n; ++row) {
    for (int64_t column = 0; column < k; ++column) {
      const int code = static_cast<int>(bits == 8 ? random.integer(-127, 127) : random.integer(0, 15));
      store_code(to.matrix, to.codes.data(), row, column, code);
      to.scales[static_cast<size_t>(scale_index(to.matrix, row, column))] =
          f32_to_f16(random.normal(bits == 8 ? 0.004f : 0.02f));
    }
  }
  if (bits == 4 && random.chance(0.5)) to.matrix.levels = kEvenLevels, to.matrix.zero = 8;
  if (bits == 4 && random.chance(0.4)) {
    to.matrix.has_offsets = true;
    for (uint16_t &word : to.scales) {
      const uint16_t scale = f32_to_f16(std::abs(f16_to_f32(word)) / kScaleUnit);
      word = scale_and_zero(scale / kScaleStep, static_cast<int>(random.integer(0, kMaxZero)));
    }
  } else if (bits == 4 && random.chance(0.4)) {
    for (size_t i = 0; i < to.scales.size(); ++i)
      to.zeros.push_back(static_cast<uint8_t>(random.integer(0, 16)));
    to.matrix.zeros = to.zeros.data();
  }
  if (may_order && random.chance(0.4)) {
    to.order.resize(static_cast<size_t>(k));
    std::iota(to.order.begin(), to.order.end(), 0);
    for (size_t i = to.order.size() - 1; i > 0; --i)
      std::swap(to.order[i], to.order[static_cast<size_t>(random.integer(0, static_cast<int64_t>(i)))]);
    to.matrix.order = to.order.data();
  }
  return to;
}

}  // namespace kvern::kernels::testing
