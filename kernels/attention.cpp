// Cuts an attention into tiles, hands them to threads, and splits the keys where tiles are too few.
#include "kernels/attention.hpp"

#include <algorithm>
#include <cmath>
#include <kvern/error.hpp>
#include <limits>
#include <numeric>
#include <string>

#include "kernels/attention_rows.hpp"
#include "kernels/attention_tile.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kLeastSplit = 256;          // keys below which a split is not worth its merge
constexpr int64_t kSerialProducts = 1 << 17;  // multiplications below which threads are not worth waking

void refuse(const std::string &what) { throw Error(ErrorKind::internal, "attention: " + what); }

/// Splits so that every thread gets the same number of tiles, if there are keys enough.
int64_t count_splits(const AttentionCall &call, int64_t tiles, int64_t threads) {
  if (threads < 2 || tiles >= 8 * threads) return 1;
  int64_t wanted = threads / std::gcd(tiles, threads);
  return std::clamp<int64_t>(call.kv_len / kLeastSplit, 1, wanted);
}

struct Plan {
  const AttentionCall &call;
  const AttentionShape &shape;
  const TileAttend &attend;
  const LevelOps &ops = level_ops();
  int64_t tiles_per_head, tiles, splits;
  float *sums = nullptr;  // of all tiles and splits, if there are splits

  Plan(const AttentionCall &c, const AttentionShape &s, const TileAttend &a, int64_t threads)
      : call(c), shape(s), attend(a) {
    tiles_per_head = (shape.group * c.n_new + shape.tile_queries - 1) / shape.tile_queries;
    tiles = c.rows * c.kv_heads * tiles_per_head;
    splits = count_splits(c, tiles, threads);
  }
  int64_t sums_floats() const {
    return ScratchCutter::floats<float>(shape.tile_queries * shape.dim_v_padded) +
           ScratchCutter::floats<SoftmaxState>(shape.tile_queries);
  }
  TileSums cut_sums(float *base) const {
    ScratchCutter cutter(base);
    float *out = cutter.take<float>(shape.tile_queries * shape.dim_v_padded);
    return {out, shape.dim_v_padded, cutter.take<SoftmaxState>(shape.tile_queries)};
  }
  /// Late tiles of a prompt see more keys than early ones: they are numbered in turn from both ends.
  AttentionTile tile(int64_t number, int64_t split) const {
    int64_t in_head = number % tiles_per_head, head = number / tiles_per_head;
    in_head = in_head % 2 == 0 ? in_head / 2 : tiles_per_head - 1 - in_head / 2;
    int64_t first = in_head * shape.tile_queries;
    int64_t queries = std::min(shape.tile_queries, shape.group * call.n_new - first);
    return {head / call.kv_heads, head % call.kv_heads, first, queries, split, splits};
  }
};

void run_whole_tiles(const Plan &plan, const Parallel &parallel) {
  parallel_for(parallel, plan.tiles, 1, [&plan](int64_t begin, int64_t end) {
    TileSums sums = plan.cut_sums(thread_scratch(ScratchUser::sums, plan.sums_floats()));
    for (int64_t i = begin; i < end; ++i) {
      AttentionTile tile = plan.tile(i, 0);
      plan.attend(tile, sums);
      finish_tile(plan.call, plan.shape, plan.ops, tile, sums);
    }
  });
}

void run_split_tiles(const Plan &plan, const Parallel &parallel) {
  int64_t pieces = plan.tiles * plan.splits;
  float *all = thread_scratch(ScratchUser::caller, pieces * plan.sums_floats());
  auto sums = [&](int64_t piece) { return plan.cut_sums(all + piece * plan.sums_floats()); };
  parallel_for(parallel, pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      plan.attend(plan.tile(i / plan.splits, i % plan.splits), sums(i));
    }
  });
  for (int64_t i = 0; i < plan.tiles; ++i) {
    AttentionTile tile = plan.tile(i, 0);
    TileSums whole = sums(i * plan.splits);
    for (int64_t split = 1; split < plan.splits; ++split) {
      merge_sums(whole, sums(i * plan.splits + split), tile.queries, plan.call.dim_v);
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
  const Parallel &threads = products < kSerialProducts ? alone : parallel;
  Plan plan(call, shape, attend, threads.threads);
  if (plan.splits > 1) return run_split_tiles(plan, threads);
  run_whole_tiles(plan, threads);
}

void attention(const AttentionCall &call, const Parallel &parallel) {
  check_attention(call);
  if (call.rows == 0 || call.n_new == 0) return;
  const LevelOps &ops = level_ops();
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
