// The table of inner kernels that multiply packed keys and values in integers: with AVX-512 VNNI by dot products of
// bytes, with AVX2 by products of bytes or words whose sums take a second instruction. What is here works on one block.
//
// A query (times the channels' scales, where keys are quantized per channel) is rounded to integers of 8 bits, those of a
// group having one step; weights likewise to unsigned ones, but to signed ones where they were multiplied by tokens'
// scales (values quantized per token), which may be negative. Where codes have 8 bits these integers have 16, as two of 8:
// high * 256 + low; scales are not negative then. With AVX2 weights are unsigned, levels taking the scales' signs, and
// integers of 16 bits are words, those at even places in `high`, the others in `low`.
#pragma once
#include <cstddef>

#include "kernels/quant/format.hpp"
#include "kernels/simd/level_ops.hpp"

namespace kvern::kernels {

/// One tensor of a block.
struct PackedTensor {
  const quant::TensorFormat *format;
  const quant::TensorLayout *layout;
  int64_t tokens;
};

/// Integers that share a step: what they stand for is step * integer.
struct RoundedGroup {
  float step;
  float offset;  ///< what zeros add to the product: their sum, or product, with the numbers that were rounded
  int32_t high, low;  ///< what makes levels unsigned * the sum of each half of the integers
};

/// What will be read soon, to be fetched while this work goes on. A hint; nothing if bytes is 0.
struct PackedAhead {
  const std::byte *data;
  int64_t bytes;
};

/// Room for a tile's work on blocks, and its queries in integers. Each row is `stride` bytes long.
struct IntegerRoom {
  uint8_t *levels;  ///< [64 * units] of the larger tensor
  float *scaled;    ///< [4, scaled_stride] queries, or a block's weights, times scales
  int64_t scaled_stride;
  int8_t *q_high, *q_low;
  uint8_t *w_high, *w_low;
  int64_t q_stride, w_stride;
  RoundedGroup *groups;  ///< [queries, groups of a key]
  PackedAhead ahead;     ///< of the present call
};

struct PackedOps {
  /// Once for a tile: its queries in integers, where they don't depend on a block.
  void (*round_queries)(const PackedTensor &keys, const FloatRows &q, const IntegerRoom &room);
  /// out[m * out_stride + j] = q[m] . key j for the first n tokens of a block; numbers behind, up to a multiple of 64,
  /// are overwritten.
  void (*key_logits)(const PackedTensor &keys, const std::byte *block, int64_t n, const FloatRows &q,
                     const IntegerRoom &room, float *out, int64_t out_stride);
  /// out[m] += sum over the first n tokens of weight[m][j] * value j. Weights are at least 0, and 0 behind n up to a
  /// multiple of 16; out is padded to a multiple of 16.
  void (*sum_values)(const PackedTensor &values, const std::byte *block, int64_t n, const FloatRows &weight,
                     const IntegerRoom &room, float *out, int64_t out_stride);
};

extern const PackedOps avx2_packed_ops;
extern const PackedOps avx512_vnni_packed_ops;
extern const PackedOps avx512_vbmi_packed_ops;

/// The table of the level in use; NULL if it has none.
const PackedOps *packed_ops();

}  // namespace kvern::kernels
