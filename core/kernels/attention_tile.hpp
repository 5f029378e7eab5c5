// One piece of an attention: a few queries that share a key head, over a range of keys. Internal to the
// kernels.
#pragma once
#include <cstdint>

#include "core/kernels/attention.hpp"
#include "core/kernels/simd/level_ops.hpp"

namespace kvern::kernels {

/// Queries of one key head are numbered token by token: number i is token i / group of head kv_head * group +
/// i % group.
struct AttentionTile {
  int64_t row, kv_head, first_query, queries;
  int64_t split, splits;  ///< which share of the visible keys
};

/// Sums of a tile before division. out [queries, out_stride] in the order of `ordered_type`'s pairs.
struct TileSums {
  float *out;
  int64_t out_stride;
  SoftmaxState *state;  ///< [queries]
};

/// How a call is cut: the same for all its tiles.
struct AttentionShape {
  AttentionShape(const AttentionCall &call, const LevelOps &ops);
  bool by_panels;  ///< packed matrix products instead of dot products
  bool in_bf16;    ///< products of bf16 numbers
  int64_t group;   ///< query heads to a key head
  int64_t tile_queries;
  int64_t dim_k_padded, dim_v_padded;
  int64_t key_block;  ///< keys that go by together
  Dtype order;        ///< whose pair order q and the sums are in (f32: as they are)
};

/// Computes a tile's sums from nothing; sinks are left out. Uses the worker's scratch.
void attend_tile(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
                 const AttentionTile &tile, const TileSums &sums);

/// Adds the sums of `part` to those of `whole`, [queries].
void merge_sums(const TileSums &whole, const TileSums &part, int64_t queries, int64_t dim);

/// Divides, adds sinks, merges with what out holds if the call says so, and writes out and lse. Destroys the
/// sums.
void finish_tile(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
                 const AttentionTile &tile, const TileSums &sums);

}  // namespace kvern::kernels
