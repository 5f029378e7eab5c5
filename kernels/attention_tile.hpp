// One tile of an attention: a few queries of one key head over a range of keys. Internal to the kernels.
#pragma once
#include <cstdint>

#include "kernels/attention.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {

/// Queries of one key head are numbered token by token: number i is token i / group of head kv_head * group +
/// i % group.
struct AttentionTile {
  int64_t row, kv_head, first_query, queries;
  int64_t split, splits;  ///< which part of the visible keys
};

/// Unnormalized accumulators of a tile. out [queries, out_stride] in pair order (AttentionShape::order).
struct TileAccumulator {
  float *out;
  int64_t out_stride;
  OnlineSoftmaxState *state;  ///< [queries]
};

/// How a call is cut: the same for all its tiles.
struct AttentionShape {
  AttentionShape(const AttentionCall &call, const KernelTable &ops);
  bool by_panels;  ///< packed matrix products instead of dot products
  bool in_bf16;    ///< bf16 products
  int64_t group;   ///< query heads to a key head
  int64_t tile_queries;
  int64_t dim_k_padded, dim_v_padded;
  int64_t key_block;  ///< keys of one iteration
  Dtype order;        ///< dtype whose pair order q and the accumulators are in (f32: plain order)
  bool rotate_q = false,
       rotate_out = false;  ///< as quant::rotate does, where keys or values are stored rotated
};

/// Keys of neighbouring columns.
struct KeyRange {
  int64_t begin, n;
};

/// Computes q k^T and p v of a tile, for any storage and dtype of keys and values.
class TileProducts {
 public:
  /// Called first, once: q as the shape says; only columns of [begin, end) are visible.
  virtual void start(const FloatRows &q, int64_t begin, int64_t end) = 0;
  /// Moves on to the next columns of the tile's part, at most key_block of them; false at the end.
  virtual bool next(KeyRange *range) = 0;
  /// out[i * out_stride + j] = query i . key j of the range; what follows up to key_block may be overwritten.
  virtual void logits(const FloatRows &q, float *out, int64_t out_stride) = 0;
  /// Adds the range's weighted values to the accumulators. Behind the range's end weights are 0 up to the
  /// next multiple of the vector width; they may be overwritten.
  virtual void values(const FloatRows &weights, const TileAccumulator &sums) = 0;

 protected:
  ~TileProducts() = default;
};

/// Computes a tile's accumulators; sinks are not included. Uses the worker's workspace.
void attend_tile(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                 const AttentionTile &tile, const TileAccumulator &sums, TileProducts &products);

/// Merges the accumulators of `part` into those of `whole`, [queries].
void merge_accumulators(const TileAccumulator &whole, const TileAccumulator &part, int64_t queries,
                        int64_t dim);

/// Normalizes, applies the inverse Hadamard rotation, adds sinks, merges with the previous output if
/// call.merge, and writes out and lse. Overwrites the accumulators.
void finish_tile(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                 const AttentionTile &tile, const TileAccumulator &sums);

/// The factor that makes the tile's softmax weights, unnormalized relative to its final maxima, those of query `i` in the whole
/// softmax, sinks included.
float weight_factor(const AttentionCall &call, const AttentionShape &shape, const AttentionTile &tile,
                    const TileAccumulator &sums, int64_t i);

/// Throws std::invalid_argument if the call contradicts itself.
void check_attention(const AttentionCall &call);

/// Computes the accumulators of one tile; called by several threads at once.
struct TileAttend {
  virtual void operator()(const AttentionTile &tile, const TileAccumulator &sums) const = 0;

 protected:
  ~TileAttend() = default;
};

/// Partitions a call into tiles (and keys into splits), computes their accumulators on `parallel`'s threads
/// and finishes them.
void attend_in_tiles(const AttentionCall &call, const AttentionShape &shape, const TileAttend &attend,
                     const Parallel &parallel);

/// The same for tiles whose products are what products_of(tile) returns.
template <class ProductsOf>
void attend_by_products(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                        const ProductsOf &products_of, const Parallel &parallel) {
  struct Attend final : TileAttend {
    Attend(const AttentionCall &c, const AttentionShape &s, const KernelTable &o, const ProductsOf &p)
        : call(c), shape(s), ops(o), products_of(p) {}
    void operator()(const AttentionTile &tile, const TileAccumulator &sums) const override {
      auto products = products_of(tile);
      attend_tile(call, shape, ops, tile, sums, products);
    }
    const AttentionCall &call;
    const AttentionShape &shape;
    const KernelTable &ops;
    const ProductsOf &products_of;
  };
  attend_in_tiles(call, shape, Attend(call, shape, ops, products_of), parallel);
}

}  // namespace kvern::kernels
