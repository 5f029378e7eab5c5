// The table of the quantizer's inner loops, one per instruction set. What is here works on a few groups side by side, or
// unpacks; which numbers form a group and where codes go is the business of quantize.cpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

/// The level nearest to a number y in [-128.25, 127.75): of the 32 cells that are 8 wide none has more than one
/// threshold, the middle between two levels, which itself goes to the lower one.
struct Cells {
  float threshold[32];      ///< above all numbers where a cell has none
  float low[32], high[32];  ///< the level up to the threshold, and beyond
};
constexpr float kFirstCell = -128.25f, kCellWidth = 8.0f;

/// A place to look from: `span` of the groups' half range (negative: levels mirrored), the middle moved by `shift` of it.
struct Start {
  float span, shift;
};

/// How to look for scale and zero: each start once, then `rounds` of least squares from the best of them.
struct Plan {
  int bits;
  const Start *starts;  ///< with 8 bits only spans count
  int n_starts;         ///< 0: least and greatest number
  int rounds;
};

/// `width` groups of n numbers (at most 256) side by side: number i of group j is x[i * width + j], finite.
struct FitCall {
  const float *x;
  int64_t n;
  const Plan *plan;
  uint16_t *scale, *zero, *zero_low;  ///< [width], f16; zero_low NULL but with 8 bits
  uint8_t *codes;                     ///< as x
};

/// As dequantize_keys and dequantize_values, never rotated back.
struct UnpackCall {
  const BlockFormat *format;
  bool keys;
  const std::byte *block;
  int64_t first, n;
  void *out;
  Dtype type;
  int64_t stride;
};

struct QuantOps {
  int width;
  void (*fit)(const FitCall &call);
  void (*unpack)(const UnpackCall &call);
  /// rotate() of each row. x [rows, dim], rows `stride` apart
  void (*rotate_rows)(float *x, int64_t rows, int64_t dim, int64_t stride);
  /// NaN becomes 0, what no scale and zero in f16 reach the farthest that they do.
  void (*clean)(float *x, int64_t n);
};

extern const QuantOps portable_quant_ops;
extern const QuantOps avx2_quant_ops;
extern const QuantOps avx512_quant_ops;

/// The table of the level in use.
const QuantOps &quant_ops();

/// Of the bits up to 4.
const Cells &cells(int bits);

}  // namespace kvern::kernels::quant
