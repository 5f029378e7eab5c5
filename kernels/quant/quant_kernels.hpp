// The quantizer's inner loops, one table per instruction set: a vector of groups in parallel, or unpacking.
// quantize.cpp forms the groups and stores the codes.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

/// Lookup table of the level nearest to y in [-128.25, 127.75): none of its 32 cells of width 8 has more than
/// one threshold, the middle between two levels (ties to the lower one).
struct NearestLevelTable {
  float threshold[32];      ///< infinity if a cell has none
  float low[32], high[32];  ///< level up to the threshold, and above it
};
constexpr float kFirstCell = -128.25f, kCellWidth = 8.0f;

/// Initial guess: scale = `span` x half the group's range (negative: mirrored levels), center shifted by
/// `shift` x half the range.
struct InitialFit {
  float span, shift;
};

/// How to fit scale and zero: every initial fit once, then `rounds` of least squares from the best.
struct SearchPlan {
  int bits;
  const InitialFit *initial_fits;  ///< with 8 bits only spans are used
  int n_initial_fits;              ///< 0: minimum and maximum of the group
  int rounds;
};

/// `width` interleaved groups of n elements (at most 256): element i of group j is x[i * width + j], finite.
struct FitCall {
  const float *x;
  int64_t n;
  const SearchPlan *plan;
  uint16_t *scale, *zero, *zero_low;  ///< [width], f16; zero_low NULL but with 8 bits
  uint8_t *codes;                     ///< as x
};

/// As dequantize_keys and dequantize_values, without inverse Hadamard rotation.
struct UnpackCall {
  const BlockFormat *format;
  bool keys;
  const std::byte *block;
  int64_t first, n;
  void *out;
  Dtype type;
  int64_t stride;
};

struct QuantKernelTable {
  int width;
  void (*fit)(const FitCall &call);
  void (*unpack)(const UnpackCall &call);
  /// rotate() of each row. x [rows, dim], rows `stride` apart
  void (*rotate_rows)(float *x, int64_t rows, int64_t dim, int64_t stride);
  /// Replaces NaN by 0 and clamps to the range that f16 scale and zero can represent.
  void (*clean)(float *x, int64_t n);
};

/// The table of the CPU capability in use.
const QuantKernelTable &quant_kernels();

/// For 1 to 4 bits.
const NearestLevelTable &cells(int bits);

}  // namespace kvern::kernels::quant
