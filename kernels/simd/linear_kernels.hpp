// Inner kernels of packed matrices (weights/format.hpp), one table per instruction set.
#pragma once
#include <cstdint>
#include <cstring>

#include "kernels/weights/format.hpp"

namespace kvern::kernels {

/// Rows of x in 8 bits: codes [blocks, rows, 32] within [-127, 127]; scales [blocks, rows]; sums [blocks, rows] of the codes; starts
/// [blocks, rows]: the sums times start_factor() of the matrix, which stand for what its zeros take away.
struct RoundedRows {
  int64_t rows, blocks;
  int8_t *codes;
  float *scales;
  int32_t *sums;
  const int32_t *starts = nullptr;
};

/// Blocks of x without a larger magnitude are rounded to zeros: 127 over it would not be finite.
inline constexpr float kLeastMagnitude = 1e-30f;

/// The scales of words of scale_and_zero are the words shifted by one, and masked.
inline constexpr int16_t kScaleMask = 0x7fff & -kScaleStep;
static_assert(kScaleStep == 1 << (kZeroBits - 1), "the shift is one");

struct LinearKernelTable {
  /// Row `row` of `to` = x [32 * to.blocks], to nearest, ties to even.
  void (*round_row)(const float *x, int64_t row, const RoundedRows &to);
  /// out [panels, x.rows, 16] = x . rows of the panels from `first` on, over w.scale_unit(). A row of x gives the same bits whatever x.rows is.
  void (*multiply)(const PackedMatrix &w, int64_t first, int64_t panels, const RoundedRows &x, float *out);
  int code_bias;  ///< what products of 8 bits have added to each code

  /// What x.sums is multiplied by for x.starts.
  int32_t start_factor(const PackedMatrix &w) const {
    if (w.bits == 8) return -code_bias;
    return w.has_zeros() ? -1 : -int32_t{w.zero};
  }
};

/// The table of the CPU capability in use.
const LinearKernelTable &linear_kernels();

}  // namespace kvern::kernels
