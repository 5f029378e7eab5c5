// Attention of new queries over packed keys and values: nothing is unpacked but one block at a time, in scratch.
#pragma once
#include <cstddef>

#include "kernels/attention.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

/// Blocks that follow each other in memory, of one row; all are full but the last.
struct Run {
  const std::byte *data;  ///< block 0 of key head 0
  int64_t head_stride;    ///< bytes to the same block of the next head
  int64_t first_key;      ///< the column (as in AttentionCall: positions, bias) of the first token
  int64_t keys;           ///< tokens; 0 is allowed
};

/// The runs of one row, in any order, no column twice.
struct PackedRow {
  const Run *runs;
  int64_t n_runs;
};

/// In what packed numbers are multiplied.
enum class Arithmetic {
  automatic,  ///< integers for few queries where the level has PackedOps, else f32 or bf16
  f32,        ///< every block becomes f32
  bf16,       ///< every block becomes bf16, products as AttentionCall::round_to_bf16 has them
  f16         ///< every block becomes f16
};

/// `dense` as for attention(), but k, v, their type and strides are not looked at; kv_len is the number of columns. A
/// column that no run has is seen by nobody. Where format.value.rotate is set the sums are rotated back before they are
/// merged or written.
struct PackedCall {
  AttentionCall dense;
  const BlockFormat *format;
  const PackedRow *rows;  ///< [dense.rows]
  Arithmetic arithmetic = Arithmetic::automatic;
};

/// As attention(). In integers a query is rounded to 8 bits (16 where keys have 8) in each group, a weight times its
/// token's scale to 8 bits (16 where values have 8) of the largest in its block. Scales of 8-bit tensors must not be
/// negative. Blocks are read once, or once per 16 queries of a key head, and at most one is unpacked at a time.
void attention(const PackedCall &call, const Parallel &parallel);

/// The same by the definition, slowly, in double precision.
void attention_reference(const PackedCall &call);

}  // namespace kvern::kernels::quant
