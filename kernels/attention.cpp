// Partitions an attention into tiles for threads, and splits the keys (split-KV) where tiles are too few.
#include "kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "kernels/attention_rows.hpp"
#include "kernels/attention_tile.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kMinSplit = 256;             // fewer keys do not pay for the merge of a split
constexpr int64_t kMinParallelMacs = 1 << 17;  // multiply-accumulates below which waking threads does not pay

void refuse(const std::string &what) { throw std::invalid_argument("attention: " + what); }

/// Number of splits that gives every thread the same number of tiles, if there are enough keys.
int64_t count_splits(const AttentionCall &call, int64_t tiles, int64_t threads) {
  if (threads < 2 || tiles >= 8 * threads) return 1;
  int64_t wanted = threads / std::gcd(tiles, threads);
  return std::clamp<int64_t>(call.kv_len / kMinSplit, 1, wanted);
}

struct SplitPlan {
  const AttentionCall &call;
  const AttentionShape &shape;
  const TileAttend &attend;
  const KernelTable &ops = kernel_table();
  int64_t tiles_per_head, tiles, splits;
  float *sums = nullptr;  // accumulators of all tiles and splits, if there are splits

  SplitPlan(const AttentionCall &c, const AttentionShape &s, const TileAttend &a, int64_t threads)
      : call(c), shape(s), attend(a) {
    tiles_per_head = (shape.group * c.n_new + shape.tile_queries - 1) / shape.tile_queries;
    tiles = c.rows * c.kv_heads * tiles_per_head;
    splits = count_splits(c, tiles, threads);
  }
  int64_t accumulator_floats() const {
    return ScratchArena::floats<float>(shape.tile_queries * shape.dim_v_padded) +
           ScratchArena::floats<OnlineSoftmaxState>(shape.tile_queries);
  }
  TileAccumulator take_accumulators(float *base) const {
    ScratchArena arena(base);
    float *out = arena.take<float>(shape.tile_queries * shape.dim_v_padded);
    return {out, shape.dim_v_padded, arena.take<OnlineSoftmaxState>(shape.tile_queries)};
  }
  /// Late tiles of a causal prompt see more keys than early ones: numbers alternate between both ends, for
  /// load balance.
  AttentionTile tile(int64_t number, int64_t split) const {
    int64_t in_head = number % tiles_per_head, head = number / tiles_per_head;
    in_head = in_head % 2 == 0 ? in_head / 2 : tiles_per_head - 1 - in_head / 2;
    int64_t first = in_head * shape.tile_queries;
    int64_t queries = std::min(shape.tile_queries, shape.group * call.n_new - first);
    return {head / call.kv_heads, head % call.kv_heads, first, queries, split, splits};
  }
};

void run_whole_tiles(const SplitPlan &plan, const Parallel &parallel) {
  parallel_for(parallel, plan.tiles, 1, [&plan](int64_t begin, int64_t end) {
    TileAccumulator sums =
        plan.take_accumulators(thread_scratch(ScratchUser::accumulators, plan.accumulator_floats()));
    for (int64_t i = begin; i < end; ++i) {
      AttentionTile tile = plan.tile(i, 0);
      plan.attend(tile, sums);
      finish_tile(plan.call, plan.shape, plan.ops, tile, sums);
    }
  });
}

void run_split_tiles(const SplitPlan &plan, const Parallel &parallel) {
  int64_t pieces = plan.tiles * plan.splits;
  float *all = thread_scratch(ScratchUser::caller, pieces * plan.accumulator_floats());
  auto sums = [&](int64_t piece) { return plan.take_accumulators(all + piece * plan.accumulator_floats()); };
  parallel_for(parallel, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      plan.attend(plan.tile(i / plan.splits, i % plan.splits), sums(i));
    }
  });
  for (int64_t i = 0; i < plan.tiles; ++i) {
    AttentionTile tile = plan.tile(i, 0);
    TileAccumulator whole = sums(i * plan.splits);
    for (int64_t split = 1; split < plan.splits; ++split) {
      merge_accumulators(whole, sums(i * plan.splits + split), tile.queries, plan.call.dim_v);
    }
    finish_tile(plan.call, plan.shape, plan.ops, tile, whole);
  }
}

}  // namespace

void check_attention(const AttentionCall &c) {
  if (c.rows < 0 || c.n_new < 0 || c.kv_len < 0) refuse("a negative number of rows, tokens or keys");
  if (c.q_heads < 1 || c.kv_heads < 1 || c.q_heads % c.kv_heads != 0) {
    refuse(std::to_string(c.q_heads) + " query heads are no multiple of " + std::to_string(c.kv_heads) +
           " key heads");
  }
  if (c.dim_k < 1 || c.dim_v < 1) refuse("head sizes must be at least 1");
  if ((c.causal || c.window != 0) && !c.q_pos) refuse("a causal or windowed attention needs query positions");
  if (c.window < 0 || c.softcap < 0) refuse("window and softcap must not be negative");
  if (c.merge && !c.lse) refuse("merging needs the first part's lse");
}

void attend_in_tiles(const AttentionCall &call, const AttentionShape &shape, const TileAttend &attend,
                     const Parallel &parallel) {
  int64_t products = call.rows * call.q_heads * call.n_new * call.kv_len * (call.dim_k + call.dim_v);
  const Parallel alone = serial();
  const Parallel &threads = products < kMinParallelMacs ? alone : parallel;
  SplitPlan plan(call, shape, attend, threads.threads);
  if (plan.splits > 1) return run_split_tiles(plan, threads);
  run_whole_tiles(plan, threads);
}

void attention(const AttentionCall &call, const Parallel &parallel) {
  check_attention(call);
  if (call.rows == 0 || call.n_new == 0) return;
  const KernelTable &ops = kernel_table();
  const AttentionShape shape(call, ops);
  attend_by_products(
      call, shape, ops, [&](const AttentionTile &tile) { return DenseRows(call, shape, ops, tile); },
      parallel);
}

void merge_attention(float *out, float *lse, const float *part, const float *part_lse, int64_t rows,
                     int64_t dim) {
  for (int64_t row = 0; row < rows; ++row) {
    float top = std::max(lse[row], part_lse[row]);
    if (top == -std::numeric_limits<float>::infinity()) continue;
    float old_weight = std::exp(lse[row] - top), part_weight = std::exp(part_lse[row] - top);
    float sum = old_weight + part_weight;
    for (int64_t d = 0; d < dim; ++d) {
      float &x = out[row * dim + d];
      x = (x * old_weight + part[row * dim + d] * part_weight) / sum;
    }
    lse[row] = top + std::log(sum);
  }
}

}  // namespace kvern::kernels
