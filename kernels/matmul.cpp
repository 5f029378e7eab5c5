// Few rows (GEMV): the weights are streamed once, several weight rows at a time. Many rows: blocked GEMM on
// packed panels.
#include "kernels/matmul.hpp"

#include <algorithm>
#include <stdexcept>
#include <string_view>

#include "kernels/cpu_capability.hpp"
#include "kernels/round_up.hpp"
#include "kernels/scratch.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kGrainBytes = 1 << 16;     // weights in a parallel task, at least
constexpr int64_t kDotRows = 1024;           // rows of W whose results are kept before they are stored to y
constexpr int64_t kMaxAccumulators = 16384;  // accumulators of a [K, N] product, at most
constexpr int64_t kDepth = 320;              // 32-bit elements of k in a panel, at most
constexpr int64_t kTileRows = 96;            // rows of x that stay in cache while panels are streamed
constexpr int64_t kGrainRows = 16;           // rows of x rounded together
constexpr int64_t kGrainPanels = 8;          // panels packed together

void check(const MatmulCall &c) {
  if (c.m < 0 || c.n < 0 || c.k < 0) throw std::invalid_argument("matmul: a negative size");
}

RowBlock weight_rows(const MatmulCall &c, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  return {element_at(c.w, c.w_type, row * c.w_stride + column), c.w_type, c.w_stride, rows, columns};
}

/// y columns [column, column + n) from accumulators, plus bias and, if accumulate, the previous y.
void store_accumulators(const MatmulCall &c, const float *sums, int64_t sums_stride, int64_t column,
                        int64_t n) {
  for (int64_t m = 0; m < c.m; ++m) {
    const float *from = sums + m * sums_stride;
    float *to = c.y + m * c.y_stride + column;
    if (!c.accumulate) std::fill(to, to + n, 0.0f);
    for (int64_t i = 0; c.bias && i < n; ++i) to[i] += load_element(c.bias, c.bias_type, column + i);
    for (int64_t i = 0; i < n; ++i) to[i] += from[i];
  }
}

bool rounds_x(const MatmulCall &c) { return c.round_x && c.w_type == Dtype::bf16; }

/// Whether products of few rows, or of many, are in bf16.
bool dots_in_bf16(const MatmulCall &c, const KernelTable &ops) { return rounds_x(c) && ops.dot_rows_bf16; }
bool panels_in_bf16(const MatmulCall &c, const KernelTable &ops) {
  return rounds_x(c) && ops.gemm_panel_bf16;
}

/// Whether the weights are streamed without being packed.
bool has_few_rows(const MatmulCall &c, const KernelTable &ops) {
  const bool in_tiles = panels_in_bf16(c, ops) && std::string_view(cpu_capability().name) == "amx_bf16";
  return c.m <= (in_tiles || c.layout == WeightLayout::k_n ? matvec_short_m : matvec_max_m);
}

/// x as dot_rows or, in bf16, dot_rows_bf16 reads it, padded to whole vectors.
FloatRows ordered_x(const MatmulCall &c, const KernelTable &ops) {
  const int64_t elements = round_up(c.k, 2 * ops.width),
                stride = dots_in_bf16(c, ops) ? elements / 2 : elements;
  float *x = thread_scratch(ScratchUser::caller, c.m * stride);
  for (int64_t m = 0; m < c.m; ++m) {
    const float *from = c.x + m * c.x_stride;
    float *to = x + m * stride;
    std::fill(to, to + stride, 0.0f);
    if (dots_in_bf16(c, ops)) {
      ops.round_pairs(from, to, c.k);
    } else {
      ops.order_pairs(c.w_type, from, to, c.k);
    }
  }
  return {x, stride, c.m};
}

void few_rows_n_k(const MatmulCall &c, const KernelTable &ops, const Parallel &parallel) {
  const FloatRows x = ordered_x(c, ops);
  const auto dot_rows = dots_in_bf16(c, ops) ? ops.dot_rows_bf16 : ops.dot_rows;
  int64_t grain =
      round_up(std::max<int64_t>(kGrainBytes / std::max<int64_t>(c.k * size_of(c.w_type), 1), 8), 8);
  parallel_for(parallel, c.n, grain, [&](int64_t begin, int64_t end) {
    float *sums = thread_scratch(ScratchUser::worker, c.m * kDotRows);
    for (int64_t row = begin; row < end; row += kDotRows) {
      int64_t rows = std::min(kDotRows, end - row);
      dot_rows(x, weight_rows(c, row, rows, 0, c.k), sums, kDotRows);
      store_accumulators(c, sums, kDotRows, row, rows);
    }
  });
}

/// Threads partition the rows, not the columns: each reads whole rows, and their accumulators are added.
void few_rows_k_n(const MatmulCall &c, const KernelTable &ops, const Parallel &parallel) {
  const int64_t most = std::max<int64_t>(kMaxAccumulators / c.m / 64 * 64, 64);
  const int64_t stride = std::min(most, round_up(c.n, 64)), size = c.m * stride;
  const int64_t parts = std::clamp<int64_t>(c.k / 64, 1, parallel.threads);
  float *sums = thread_scratch(ScratchUser::caller, parts * size + stride), *row = sums + parts * size;
  for (int64_t column = 0; column < c.n; column += stride) {
    const int64_t n = std::min(stride, c.n - column);
    parallel_for(parallel, parts, 1, [&](int64_t begin, int64_t end) {
      std::fill(sums + begin * size, sums + end * size, 0.0f);
      for (int64_t part = begin; part < end; ++part) {
        const int64_t k = c.k * part / parts, rows = c.k * (part + 1) / parts - k;
        const FloatRows x = {const_cast<float *>(c.x) + k, c.x_stride, c.m};
        ops.sum_long_rows(x, weight_rows(c, k, rows, column, n), sums + part * size, stride);
      }
    });
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t i = 0; i < size; ++i) sums[i] += sums[part * size + i];
    for (int64_t m = 0; m < c.m; ++m) {
      std::copy(sums + m * stride, sums + m * stride + n, row);
      ops.restore_pairs(c.w_type, row, sums + m * stride, n);
    }
    store_accumulators(c, sums, stride, column, n);
  }
}

/// A product of many rows: its dtype and partition.
struct Blocked {
  const MatmulCall &call;
  const KernelTable &ops;
  const bool in_bf16;
  FloatRows a;  // x, or x as pairs of bf16
  int64_t depth, panel_width, task_columns;

  Blocked(const MatmulCall &c, const KernelTable &table, const Parallel &parallel)
      : call(c), ops(table), in_bf16(panels_in_bf16(c, table)) {
    const int64_t most = kDepth * (in_bf16 ? 2 : 1), parts = (c.k + most - 1) / most;
    depth = round_up((c.k + parts - 1) / parts, 2);
    panel_width = 2 * ops.width;
    int64_t share = parallel.threads > 1 ? c.n / (4 * parallel.threads) : c.n;
    task_columns = std::clamp(round_up(share, panel_width), panel_width, kGrainPanels * panel_width);
    a = {const_cast<float *>(c.x), c.x_stride, c.m};
    if (in_bf16) round_x_to_bf16(parallel);
  }

  void round_x_to_bf16(const Parallel &parallel) {
    int64_t stride = (call.k + 1) / 2;
    a = {thread_scratch(ScratchUser::caller, call.m * stride), stride, call.m};
    parallel_for(parallel, call.m, kGrainRows, [this, stride](int64_t begin, int64_t end) {
      for (int64_t m = begin; m < end; ++m) {
        a.data[m * stride + stride - 1] = 0.0f;
        ops.round_pairs(call.x + m * call.x_stride, a.data + m * stride, call.k);
      }
    });
  }

  void pack(int64_t column, int64_t columns, int64_t k, int64_t k_size, float *panel) const {
    bool by_rows = call.layout == WeightLayout::k_n;
    RowBlock w = by_rows ? weight_rows(call, k, k_size, column, columns)
                         : weight_rows(call, column, columns, k, k_size);
    auto f = in_bf16 ? (by_rows ? ops.pack_rows_bf16 : ops.pack_columns_bf16)
                     : (by_rows ? ops.pack_rows : ops.pack_columns);
    f(w, panel);
  }

  void multiply(const FloatRows &x, int64_t elements, const float *panel, float *c, int64_t c_stride,
                bool add) const {
    (in_bf16 ? ops.gemm_panel_bf16 : ops.gemm_panel)(x, elements, panel, c, c_stride, add);
  }

  /// One panel with kTileRows or fewer rows of x; `edge` takes the product if the panel is wider than what is
  /// left of y.
  void tile(int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t k, int64_t k_size,
            const float *panel, float *edge, bool add) const {
    int64_t elements = in_bf16 ? (k_size + 1) / 2 : k_size;
    FloatRows x = {a.data + row * a.stride + (in_bf16 ? k / 2 : k), a.stride, rows};
    float *y = call.y + row * call.y_stride + column;
    if (columns == panel_width) return multiply(x, elements, panel, y, call.y_stride, add);
    multiply(x, elements, panel, edge, panel_width, false);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t i = 0; i < columns; ++i) {
        float &to = y[r * call.y_stride + i];
        to = edge[r * panel_width + i] + (add ? to : 0.0f);
      }
    }
  }

  void start_with_bias(int64_t begin, int64_t end) const {
    for (int64_t m = 0; m < call.m; ++m) {
      for (int64_t n = begin; n < end; ++n) {
        float &y = call.y[m * call.y_stride + n];
        y = load_element(call.bias, call.bias_type, n) + (call.accumulate ? y : 0.0f);
      }
    }
  }

  void columns(int64_t begin, int64_t end) const {
    if (call.bias) start_with_bias(begin, end);
    int64_t panel_floats = kDepth * panel_width;
    float *panels =
        thread_scratch(ScratchUser::worker, kGrainPanels * panel_floats + kTileRows * panel_width);
    float *edge = panels + kGrainPanels * panel_floats;
    for (int64_t k = 0; k < call.k; k += depth) {
      int64_t k_size = std::min(depth, call.k - k);
      bool add = k > 0 || call.accumulate || call.bias;
      for (int64_t n = begin; n < end; n += panel_width) {
        pack(n, std::min(panel_width, end - n), k, k_size, panels + (n - begin) / panel_width * panel_floats);
      }
      for (int64_t row = 0; row < call.m; row += kTileRows) {
        for (int64_t n = begin; n < end; n += panel_width) {
          tile(row, std::min(kTileRows, call.m - row), n, std::min(panel_width, end - n), k, k_size,
               panels + (n - begin) / panel_width * panel_floats, edge, add);
        }
      }
    }
  }

  void run(const Parallel &parallel) const {
    int64_t tasks = (call.n + task_columns - 1) / task_columns;
    parallel_for(parallel, tasks, 1, [this](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        columns(i * task_columns, std::min((i + 1) * task_columns, call.n));
    });
  }
};

/// Whether the product itself converts x to bf16.
bool converts_x(const MatmulCall &c, const KernelTable &ops) {
  if (!has_few_rows(c, ops)) return panels_in_bf16(c, ops);
  return dots_in_bf16(c, ops) && c.layout == WeightLayout::n_k;
}

/// The call with x rounded to bf16 in the workspace, if it must be and the product does not convert it.
MatmulCall with_rounded_x(const MatmulCall &original, const KernelTable &ops, const Parallel &parallel) {
  MatmulCall c = original;
  if (!rounds_x(c) || converts_x(c, ops)) return c;
  float *x = thread_scratch(ScratchUser::rounded, c.m * c.k);
  parallel_for(parallel, c.m, kGrainRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row)
      ops.round_row(original.x + row * original.x_stride, x + row * c.k, c.k);
  });
  c.x = x, c.x_stride = c.k;
  return c;
}

void no_products(const MatmulCall &c) {
  for (int64_t m = 0; m < c.m; ++m) {
    for (int64_t n = 0; n < c.n; ++n) {
      float &y = c.y[m * c.y_stride + n];
      y = (c.accumulate ? y : 0.0f) + (c.bias ? load_element(c.bias, c.bias_type, n) : 0.0f);
    }
  }
}

}  // namespace

void batched_matmul(const BatchedMatmulCall &call, const Parallel &parallel) {
  if (call.batch < parallel.threads) {
    for (int64_t i = 0; i < call.batch; ++i) matmul(call.at(i), parallel);
    return;
  }
  check(call.first);
  const MatmulCall &c = call.first;
  const Parallel alone = serial();
  const bool few = call.batch * c.n * c.k * size_of(c.w_type) < 2 * kGrainBytes;
  parallel_for(few ? alone : parallel, call.batch, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) matmul(call.at(i), serial());
  });
}

void matmul(const MatmulCall &original, const Parallel &parallel) {
  check(original);
  if (original.m == 0 || original.n == 0) return;
  if (original.k == 0) return no_products(original);
  const KernelTable &ops = kernel_table();
  const Parallel alone = serial();
  const Parallel &threads =
      original.n * original.k * size_of(original.w_type) < 2 * kGrainBytes ? alone : parallel;
  const MatmulCall call = with_rounded_x(original, ops, threads);
  if (!has_few_rows(call, ops)) return Blocked(call, ops, threads).run(threads);
  if (call.layout == WeightLayout::n_k) return few_rows_n_k(call, ops, threads);
  few_rows_k_n(call, ops, threads);
}

}  // namespace kvern::kernels
