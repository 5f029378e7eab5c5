// Packed kernels: integer products with the packed keys and values of one block (layout:
// kernels/quant/format.hpp). AVX-512 VNNI uses dot products of bytes, AVX2 products of bytes or words that a
// second instruction adds.
//
// A query (times the channels' scales, if keys are quantized per channel) is rounded to signed 8-bit
// integers, with one step in each group; weights likewise to unsigned ones, or to signed ones if they were
// multiplied by the tokens' scales (values quantized per token), which may be negative. With 8-bit codes
// these integers have 16 bits, as two signed bytes high * 256 + low, and scales are not negative. With AVX2 weights
// are always unsigned, levels take the scales' signs, and 16-bit integers are words, even elements in `high`,
// odd ones in `low`.
#pragma once
#include <cstddef>

#include "kernels/quant/format.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {

/// One tensor of a block.
struct PackedTensor {
  const quant::TensorFormat *format;
  const quant::TensorLayout *layout;
  int64_t tokens;
};

/// Integers with a common step: each stands for step * integer.
struct RoundedGroup {
  float step;
  float offset;        ///< contribution of the zeros to the product
  int32_t correction;  ///< for unsigned levels: bias * sum of the integers
};

/// Memory to prefetch during this call; none if bytes is 0.
struct PackedPrefetchHint {
  const std::byte *data;
  int64_t bytes;
};

/// Workspace of a tile, and its queries in integers. Rows are `stride` bytes apart.
struct IntegerWorkspace {
  uint8_t *levels;  ///< [64 * units] of the larger tensor
  float *scaled;    ///< [4, scaled_stride] queries, or a block's weights, times scales
  int64_t scaled_stride;
  int8_t *q_high, *q_low;
  uint8_t *w_high, *w_low;
  int64_t q_stride, w_stride;
  RoundedGroup *groups;      ///< [queries, groups of a key]
  PackedPrefetchHint ahead;  ///< of the current call
};

struct PackedKernelTable {
  /// Once for a tile: rounds its queries to integers, if their scaling does not depend on a block.
  void (*round_queries)(const PackedTensor &keys, const FloatRows &q, const IntegerWorkspace &workspace);
  /// out[m * out_stride + j] = q[m] . key j for the first n tokens of a block; elements behind, up to a
  /// multiple of 64, are overwritten.
  void (*key_logits)(const PackedTensor &keys, const std::byte *block, int64_t n, const FloatRows &q,
                     const IntegerWorkspace &workspace, float *out, int64_t out_stride);
  /// out[m] += sum over the first n tokens of weight[m][j] * value j. Weights are at least 0, and 0 behind n up to a
  /// multiple of 16; out is padded to a multiple of 16.
  void (*sum_values)(const PackedTensor &values, const std::byte *block, int64_t n, const FloatRows &weight,
                     const IntegerWorkspace &workspace, float *out, int64_t out_stride);
};

/// The table of the CPU capability in use; NULL if it has none.
const PackedKernelTable *packed_kernels();

}  // namespace kvern::kernels
