// Attention of new queries over packed keys and values; at most one block at a time is unpacked, into the
// workspace.
#pragma once
#include <cstddef>

#include "kernels/attention.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

/// Contiguous blocks of one row; all are full but the last.
struct BlockRun {
  const std::byte *data;  ///< block 0 of key head 0
  int64_t head_stride;    ///< bytes to the same block of the next head
  int64_t first_key;      ///< column of the first token (as in AttentionCall: positions, bias)
  int64_t keys;           ///< tokens; 0 is allowed
};

/// The runs of one row, in any order, no column twice.
struct PackedRow {
  const BlockRun *runs;
  int64_t n_runs;
};

/// Dtype of the products with packed codes.
enum class ComputeDtype {
  automatic,  ///< integers for few queries where the CPU capability has packed kernels, else f32 or bf16
  f32,        ///< blocks are unpacked to f32
  bf16,       ///< blocks are unpacked to bf16, products as with AttentionCall::round_to_bf16
  f16         ///< blocks are unpacked to f16
};

/// `dense` as for attention(), but k, v, their type and strides are ignored; kv_len is the number of columns.
/// Columns that no run contains are masked. If format.value.rotate is set, the accumulators are
/// Hadamard-rotated back before they are merged or written. Where values lie in keys, blocks are always unpacked.
struct PackedCall {
  AttentionCall dense;
  const BlockFormat *format;
  const PackedRow *rows;  ///< [dense.rows]
  ComputeDtype compute_dtype = ComputeDtype::automatic;
};

/// As attention(). In integers a query is rounded to 8 bits (16 where keys have 8) in each group, a weight times its
/// token's scale to 8 bits (16 where values have 8) of the largest in its block. Scales of 8-bit tensors must not be
/// negative. Blocks are read once, or once per 16 queries of a key head, and at most one is unpacked at a time.
void attention(const PackedCall &call, const Parallel &parallel);

/// Reference implementation in double precision.
void attention_reference(const PackedCall &call);

}  // namespace kvern::kernels::quant
