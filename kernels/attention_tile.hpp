// One piece of an attention: a few queries that share a key head, over a range of keys. Internal to the
// kernels.
#pragma once
#include <cstdint>

#include "kernels/attention.hpp"
#include "kernels/simd/level_ops.hpp"

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
  bool rotate_q = false,
       rotate_out = false;  ///< as quant::rotate does, where keys or values are stored rotated
};

/// Keys of neighbouring columns.
struct KeyRange {
  int64_t begin, n;
};

/// What multiplies a tile's queries with keys and its weights with values, wherever these lie and in whatever numbers.
class TileProducts {
 public:
  /// Once, before all else: q as the shape says; of columns only those of [begin, end) can be seen.
  virtual void start(const FloatRows &q, int64_t begin, int64_t end) = 0;
  /// Goes on to the next columns of the tile's share, at most key_block of them; false at the end.
  virtual bool next(KeyRange *range) = 0;
  /// out[i * out_stride + j] = query i . key j of the range; what follows up to key_block may be overwritten.
  virtual void logits(const FloatRows &q, float *out, int64_t out_stride) = 0;
  /// Adds the range's weighted values to the sums. Behind the range's end weights are 0 up to the next multiple of the
  /// level's width; they may be destroyed.
  virtual void values(const FloatRows &weights, const TileSums &sums) = 0;

 protected:
  ~TileProducts() = default;
};

/// Computes a tile's sums from nothing; sinks are left out. Uses the worker's scratch.
void attend_tile(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
                 const AttentionTile &tile, const TileSums &sums, TileProducts &products);

/// Adds the sums of `part` to those of `whole`, [queries].
void merge_sums(const TileSums &whole, const TileSums &part, int64_t queries, int64_t dim);

/// Divides, rotates back, adds sinks, merges with what out holds if the call says so, and writes out and lse. Destroys the
/// sums.
void finish_tile(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
                 const AttentionTile &tile, const TileSums &sums);

/// Throws kvern::Error (internal) if the call contradicts itself.
void check_attention(const AttentionCall &call);

/// How the sums of one tile are computed; called by several threads at once.
struct TileAttend {
  virtual void operator()(const AttentionTile &tile, const TileSums &sums) const = 0;

 protected:
  ~TileAttend() = default;
};

/// Cuts a call into tiles (and keys into shares), has their sums computed by `parallel`'s threads and finishes them.
void attend_in_tiles(const AttentionCall &call, const AttentionShape &shape, const TileAttend &attend,
                     const Parallel &parallel);

/// The same for tiles whose products are what products_of(tile) returns.
template <class ProductsOf>
void attend_by_products(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
                        const ProductsOf &products_of, const Parallel &parallel) {
  struct Attend final : TileAttend {
    Attend(const AttentionCall &c, const AttentionShape &s, const LevelOps &o, const ProductsOf &p)
        : call(c), shape(s), ops(o), products_of(p) {}
    void operator()(const AttentionTile &tile, const TileSums &sums) const override {
      auto products = products_of(tile);
      attend_tile(call, shape, ops, tile, sums, products);
    }
    const AttentionCall &call;
    const AttentionShape &shape;
    const LevelOps &ops;
    const ProductsOf &products_of;
  };
  attend_in_tiles(call, shape, Attend(call, shape, ops, products_of), parallel);
}

}  // namespace kvern::kernels
