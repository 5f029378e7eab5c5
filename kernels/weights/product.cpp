// x is rounded by the caller's thread or, of many rows, by all; then threads share the panels of all parts. Rows of x are taken
// in tiles: each panel stays in cache while the tiles go by.
#include "kernels/weights/product.hpp"

#include <algorithm>
#include <stdexcept>

#include "kernels/scratch.hpp"
#include "kernels/simd/linear_kernels.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kTileRows = 96;         // rows of x that a panel is decoded for at once
constexpr int64_t kGrainBytes = 1 << 15;  // weights in a parallel task, at least
constexpr int64_t kStreamedRows = 2;      // up to so many rows panels are read in several streams
constexpr int64_t kPanelsAtOnce =
    256;  // panels of such streams, whose results are kept before they are stored to y

void check(const PackedMatmulCall &c) {
  if (c.m < 0) throw std::invalid_argument("packed_matmul: a negative number of rows");
  for (int64_t i = 0; i < c.parts; ++i) {
    const PackedMatrix &w = *c.part[i].matrix;
    if ((w.bits != 8 && w.bits != 4) || w.group % kBlockInputs != 0 || w.k % w.group != 0)
      throw std::invalid_argument("packed_matmul: no packed matrix of 8 or 4 bits");
    if (w.k != c.part[0].matrix->k || (w.order && c.parts > 1))
      throw std::invalid_argument("packed_matmul: parts that cannot read the same rounded x");
  }
}

/// x in 8 bits: tiles of kTileRows rows, one after the other.
struct RoundedTiles {
  int64_t m, blocks;
  int8_t *codes;
  float *scales;
  int32_t *sums;

  RoundedTiles(int64_t rows, int64_t k) : m(rows), blocks(k / kBlockInputs) {
    const int64_t all = m * blocks;
    ScratchArena arena(thread_scratch(ScratchUser::rounded, ScratchArena::floats<int8_t>(all * kBlockInputs) +
                                                                2 * ScratchArena::floats<float>(all)));
    codes = arena.take<int8_t>(all * kBlockInputs);
    scales = arena.take<float>(all);
    sums = arena.take<int32_t>(all);
  }
  int64_t count() const { return (m + kTileRows - 1) / kTileRows; }
  RoundedRows tile(int64_t i, const int32_t *starts) const {
    const int64_t first = i * kTileRows, rows = std::min(kTileRows, m - first), at = first * blocks;
    return {rows, blocks, codes + at * kBlockInputs, scales + at, sums + at, starts ? starts + at : nullptr};
  }
};

/// Row `row` of x as the matrix orders its columns.
const float *ordered_row(const PackedMatmulCall &c, int64_t row) {
  const float *x = c.x + row * c.x_stride;
  const PackedMatrix &w = *c.part[0].matrix;
  if (!w.order) return x;
  float *to = thread_scratch(ScratchUser::worker, w.k);
  for (int64_t i = 0; i < w.k; ++i) to[i] = x[w.order[i]];
  return to;
}

void round_rows(const PackedMatmulCall &c, const RoundedTiles &tiles, const LinearKernelTable &ops,
                const Parallel &parallel) {
  parallel_for(parallel, c.m, 8, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      ops.round_row(ordered_row(c, row), row % kTileRows, tiles.tile(row / kTileRows, nullptr));
  });
}

/// Results [panels, rows, 16] of rows from `row` on of one part, whose outputs begin at `column` of y.
void store(const PackedMatmulCall &c, const PackedPart &part, int64_t first_panel, int64_t panels,
           int64_t row, int64_t rows, int64_t column, const float *from) {
  const float unit = part.matrix->scale_unit();
  for (int64_t p = 0; p < panels; ++p) {
    const int64_t n = (first_panel + p) * kPanelRows, width = std::min(kPanelRows, part.matrix->n - n);
    for (int64_t r = 0; r < rows; ++r, from += kPanelRows) {
      float *to = c.y + (row + r) * c.y_stride + column + n;
      for (int64_t i = 0; i < width; ++i) {
        const float bias = part.bias ? load_element(part.bias, part.bias_type, n + i) : 0.0f;
        to[i] = from[i] * unit + bias + (c.accumulate ? to[i] : 0.0f);
      }
    }
  }
}

/// Panels [begin, end) of a part.
void multiply(const PackedMatmulCall &c, const PackedPart &part, int64_t column, int64_t begin, int64_t end,
              const RoundedTiles &tiles, const LinearKernelTable &ops) {
  const int64_t rows = std::min(c.m, kTileRows), at_once = rows <= kStreamedRows ? kPanelsAtOnce : 1;
  const int64_t all = c.m * tiles.blocks, sum_count = at_once * rows * kPanelRows;
  ScratchArena arena(thread_scratch(ScratchUser::worker, ScratchArena::floats<int32_t>(all) + sum_count));
  int32_t *starts = arena.take<int32_t>(all);
  float *sums = arena.take<float>(sum_count);
  const int32_t factor = ops.start_factor(*part.matrix);
  for (int64_t i = 0; i < all; ++i) starts[i] = factor * tiles.sums[i];
  for (int64_t panel = begin; panel < end; panel += at_once) {
    const int64_t panels = std::min(at_once, end - panel);
    for (int64_t i = 0; i < tiles.count(); ++i) {
      const RoundedRows x = tiles.tile(i, starts);
      ops.multiply(*part.matrix, panel, panels, x, sums);
      store(c, part, panel, panels, i * kTileRows, x.rows, column, sums);
    }
  }
}

/// The parts' panels counted through: [begin, end) of them.
void multiply_all(const PackedMatmulCall &c, int64_t begin, int64_t end, const RoundedTiles &tiles,
                  const LinearKernelTable &ops) {
  int64_t first = 0, column = 0;
  for (int64_t i = 0; i < c.parts; ++i) {
    const PackedMatrix &w = *c.part[i].matrix;
    const int64_t from = std::max(begin - first, int64_t{0}), to = std::min(end - first, w.panels());
    if (from < to) multiply(c, c.part[i], column, from, to, tiles, ops);
    first += w.panels();
    column += w.n;
  }
}

}  // namespace

void packed_matmul(const PackedMatmulCall &c, const Parallel &parallel) {
  check(c);
  if (c.m == 0 || c.parts == 0) return;
  const LinearKernelTable &ops = linear_kernels();
  int64_t panels = 0, bytes = 0;
  for (int64_t i = 0; i < c.parts; ++i) {
    panels += c.part[i].matrix->panels();
    bytes += c.part[i].matrix->bytes();
  }
  const Parallel alone = serial();
  const Parallel &threads = bytes * std::min<int64_t>(c.m, 8) < 2 * kGrainBytes ? alone : parallel;
  const RoundedTiles tiles(c.m, c.part[0].matrix->k);
  round_rows(c, tiles, ops, threads);
  const int64_t grain = std::max<int64_t>(kGrainBytes * panels / std::max<int64_t>(bytes, 1), 1);
  parallel_for(threads, panels, grain,
               [&](int64_t begin, int64_t end) { multiply_all(c, begin, end, tiles, ops); });
}

}  // namespace kvern::kernels
