// The weights of a tile are kept as the online softmax gives them, relative to the maximum so far; once the tile's final maxima
// and sums are known they are scaled and summed over its queries. The tiles of a key head are dealt to a fixed number of lanes
// with sums of their own, so that the result does not depend on the number of threads.
#include "kernels/attention_mass.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "kernels/attention_rows.hpp"
#include "kernels/round_up.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kMaxLanes = 8;
constexpr int64_t kMinTileQueries = 16;
// Weights kept of a tile, floats, as long as it has more queries than that: 1 MB, to be found in L2 when they are summed.
constexpr int64_t kKeptWeights = int64_t{1} << 18;

/// What is kept of one tile: the ranges of keys that its queries see, the weights [queries, stride], and the maxima that the
/// weights of each range are relative to, [ranges, queries].
struct KeptTile {
  KeyRange *ranges;
  float *weights, *max;
  int64_t stride;

  static int64_t ranges_of(const AttentionCall &call, const AttentionShape &shape) {
    return call.kv_len / shape.key_block + 2;
  }
  static int64_t floats(const AttentionCall &call, const AttentionShape &shape) {
    const int64_t n = ranges_of(call, shape);
    return ScratchArena::floats<KeyRange>(n) + ScratchArena::floats<float>(shape.tile_queries * call.kv_len) +
           ScratchArena::floats<float>(n * shape.tile_queries);
  }
  KeptTile(const AttentionCall &call, const AttentionShape &shape, float *base) : stride(call.kv_len) {
    ScratchArena arena(base);
    const int64_t n = ranges_of(call, shape);
    ranges = arena.take<KeyRange>(n);
    weights = arena.take<float>(shape.tile_queries * call.kv_len);
    max = arena.take<float>(n * shape.tile_queries);
  }
};

/// Passes a tile's products on and keeps its weights.
class KeepingProducts final : public TileProducts {
 public:
  KeepingProducts(TileProducts &inner, const KeptTile &kept, int64_t queries)
      : inner_(inner), kept_(kept), queries_(queries) {}

  void start(const FloatRows &q, int64_t begin, int64_t end) override { inner_.start(q, begin, end); }
  bool next(KeyRange *range) override {
    if (!inner_.next(range)) return false;
    range_ = *range;
    return true;
  }
  void logits(const FloatRows &q, float *out, int64_t out_stride) override {
    inner_.logits(q, out, out_stride);
  }
  void values(const FloatRows &weights, const TileAccumulator &sums) override {
    kept_.ranges[n_ranges_] = range_;
    for (int64_t i = 0; i < queries_; ++i) {
      std::copy_n(weights.data + i * weights.stride, range_.n,
                  kept_.weights + i * kept_.stride + range_.begin);
      kept_.max[n_ranges_ * queries_ + i] = sums.state[i].max;
    }
    ++n_ranges_;
    inner_.values(weights, sums);
  }

  /// Adds to mass [kv_len] the weights of the tile's queries; factor[i] makes those relative to the final maximum final.
  void add_to(float *mass, const KernelTable &ops, const TileAccumulator &sums, const float *factor) const {
    for (int64_t r = 0; r < n_ranges_; ++r) {
      const KeyRange &range = kept_.ranges[r];
      for (int64_t i = 0; i < queries_; ++i) {
        const float max = kept_.max[r * queries_ + i];
        const float weight = std::isinf(max) ? 0.0f : std::exp(max - sums.state[i].max) * factor[i];
        if (weight > 0.0f)
          ops.add_scaled_row(mass + range.begin, kept_.weights + i * kept_.stride + range.begin, weight,
                             range.n);
      }
    }
  }

 private:
  TileProducts &inner_;
  const KeptTile &kept_;
  int64_t queries_, n_ranges_ = 0;
  KeyRange range_ = {};
};

/// A call with mass, cut into heads, lanes and tiles.
class MassPlan {
 public:
  MassPlan(const AttentionCall &call, const AttentionMass &mass, const AttentionShape &shape,
           const KernelTable &ops)
      : call_(call), mass_(mass), shape_(shape), ops_(ops) {
    queries_ = shape.group * call.n_new;
    tiles_ = (queries_ + shape.tile_queries - 1) / shape.tile_queries;
    lanes = std::min(kMaxLanes, tiles_);
  }
  int64_t heads() const { return call_.rows * call_.kv_heads; }
  float *mass_of(int64_t head) const {
    return mass_.data + head / call_.kv_heads * mass_.row_stride + head % call_.kv_heads * mass_.head_stride;
  }

  /// All tiles of one lane of a head, whose mass is added to `mass`.
  void run_lane(int64_t head, int64_t lane, float *mass) const {
    const int64_t accumulators = ScratchArena::floats<float>(shape_.tile_queries * shape_.dim_v_padded) +
                                 ScratchArena::floats<OnlineSoftmaxState>(shape_.tile_queries) +
                                 ScratchArena::floats<float>(shape_.tile_queries);
    ScratchArena arena(thread_scratch(ScratchUser::accumulators, accumulators));
    float *out = arena.take<float>(shape_.tile_queries * shape_.dim_v_padded);
    const TileAccumulator sums{out, shape_.dim_v_padded, arena.take<OnlineSoftmaxState>(shape_.tile_queries)};
    float *factor = arena.take<float>(shape_.tile_queries);
    const KeptTile kept(call_, shape_, thread_scratch(ScratchUser::mass, KeptTile::floats(call_, shape_)));
    for (int64_t number = lane; number < tiles_; number += lanes)
      run_tile(head, number, sums, factor, kept, mass);
  }

  int64_t lanes;

 private:
  void run_tile(int64_t head, int64_t number, const TileAccumulator &sums, float *factor,
                const KeptTile &kept, float *mass) const {
    const int64_t first = number * shape_.tile_queries;
    const AttentionTile tile{head / call_.kv_heads,
                             head % call_.kv_heads,
                             first,
                             std::min(shape_.tile_queries, queries_ - first),
                             0,
                             1};
    DenseRows rows(call_, shape_, ops_, tile);
    KeepingProducts products(rows, kept, tile.queries);
    attend_tile(call_, shape_, ops_, tile, sums, products);
    for (int64_t i = 0; i < tile.queries; ++i) factor[i] = weight_factor(call_, shape_, tile, sums, i);
    products.add_to(mass, ops_, sums, factor);
    finish_tile(call_, shape_, ops_, tile, sums);
  }

  const AttentionCall &call_;
  const AttentionMass &mass_;
  const AttentionShape &shape_;
  const KernelTable &ops_;
  int64_t queries_, tiles_;
};

}  // namespace

void attention_with_mass(const AttentionCall &call, const AttentionMass &mass, const Parallel &parallel) {
  check_attention(call);
  if (call.merge) throw std::invalid_argument("attention: mass is that of all keys: it excludes merging");
  if (call.rows == 0 || call.n_new == 0) return;
  const KernelTable &ops = kernel_table();
  AttentionShape shape(call, ops);
  const int64_t fitting = kKeptWeights / std::max<int64_t>(1, call.kv_len);
  shape.tile_queries = std::min(shape.tile_queries, std::max(kMinTileQueries, fitting));
  const MassPlan plan(call, mass, shape, ops);
  const int64_t lanes = plan.lanes, items = plan.heads() * lanes;
  float *sums = thread_scratch(ScratchUser::caller, items * call.kv_len);
  std::fill_n(sums, items * call.kv_len, 0.0f);
  parallel_for(parallel, items, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) plan.run_lane(i / lanes, i % lanes, sums + i * call.kv_len);
  });
  for (int64_t i = 0; i < items && call.kv_len > 0; ++i)
    ops.add_scaled_row(plan.mass_of(i / lanes), sums + i * call.kv_len, 1.0f, call.kv_len);
}

}  // namespace kvern::kernels
