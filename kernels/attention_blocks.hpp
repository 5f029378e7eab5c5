// Attention of new queries over keys and values that lie in blocks, as paged caches keep them: each row has its own list of
// blocks and its own length. Blocks are read in place.
#pragma once
#include "kernels/attention.hpp"

namespace kvern::kernels {

/// Tokens that are packed to one panel at most, on any processor: a panel never crosses the end of a block.
inline constexpr int64_t block_alignment = 32;

/// One block of a row: keys and values of all its key heads.
struct KeyBlock {
  const void *k, *v;       ///< of key head 0, first token
  int64_t k_head, v_head;  ///< elements from key head to key head
};

/// A row: block i holds tokens i * BlockedCall::tokens and later.
struct BlockedRow {
  const KeyBlock *blocks;
  int64_t keys;  ///< tokens of the row; later columns are masked
};

/// `dense` as for attention(), but of k, v and their strides only k_stride.pos and v_stride.pos are used; column j of a row is
/// its token j, and kv_len is the number of columns of the longest row.
struct BlockedCall {
  AttentionCall dense;
  const BlockedRow *rows;  ///< [dense.rows]
  int64_t tokens;          ///< of a block; a multiple of block_alignment
};

/// As attention(). Threads share rows, key heads and, where these are few, keys.
void attention(const BlockedCall &call, const Parallel &parallel);

/// Reference implementation in double precision.
void attention_reference(const BlockedCall &call);

}  // namespace kvern::kernels
