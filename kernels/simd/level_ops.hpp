// The table of inner kernels, one per instruction set. What is here works on blocks that fit the processor's
// caches; how work is cut into blocks and handed to threads is the business of attention.cpp, matmul.cpp and
// elementwise.cpp.
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/elementwise.hpp"

namespace kvern::kernels {

/// What will be read soon, so that it is fetched while other work goes on: `lines` cache lines of each row, `stride`
/// bytes from row to row. A hint; nothing if lines is 0.
struct Ahead {
  const char *data = nullptr;
  int64_t stride = 0, lines = 0;
};

/// Rows in memory: `data` of `type`, `stride` elements from row to row; one row of `ahead` is fetched for each.
struct RowBlock {
  const void *data;
  Dtype type;
  int64_t stride, rows, dim;
  Ahead ahead = {};
};

/// Rows of f32 with a stride.
struct FloatRows {
  float *data;
  int64_t stride, rows;
};

/// The running maximum and sum of one query's softmax, and by what its earlier sums shrink.
struct SoftmaxState {
  float max, sum, factor;
};

struct LevelOps {
  int width;  ///< floats in a vector; a panel of the matrix product is 2 * width columns wide

  // the order in which dot_rows and sum_rows hold the f32 side of a format (cheapest unpacking); see
  // vec_portable.inl
  void (*order_pairs)(Dtype type, const float *from, float *to, int64_t n);
  void (*restore_pairs)(Dtype type, const float *from, float *to, int64_t n);

  /// out[m][r] = x[m] . row r. x in pair order, readable up to the next multiple of width.
  void (*dot_rows)(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride);
  /// out[m] += sum over r of weight[m][r] * row r. out in pair order, padded to the next multiple of width.
  void (*sum_rows)(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride);
  /// The same for long rows: walks several rows together from end to end instead of keeping out in registers.
  void (*sum_long_rows)(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride);

  /// Replaces n numbers (n > 0, a multiple of width) by weights exp(factor * x - max) and updates the state. factor > 0.
  void (*softmax)(float *x, int64_t n, float factor, SoftmaxState *state);
  void (*softcap)(float *x, int64_t n, float cap);
  void (*scale)(float *x, int64_t n, float factor);

  /// Panels for gemm_panel, f32 [k][2 * width], zero where the source ends: from rows that are columns of the
  /// panel (rows <= 2 * width), or from rows of the panel (dim <= 2 * width).
  void (*pack_columns)(const RowBlock &rows, float *panel);
  void (*pack_rows)(const RowBlock &rows, float *panel);
  /// c [m, 2 * width] = (accumulate ? c : 0) + a [m, k] * panel [k, 2 * width]
  void (*gemm_panel)(FloatRows a, int64_t k, const float *panel, float *c, int64_t c_stride, bool accumulate);

  // The same with bf16 numbers, two of them in each 32-bit element along k; NULL without bf16 arithmetic.
  // Sources are bf16; an odd k is filled with 0.
  void (*pack_columns_bf16)(const RowBlock &rows, float *panel);
  void (*pack_rows_bf16)(const RowBlock &rows, float *panel);
  void (*gemm_panel_bf16)(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                          bool accumulate);

  // dot_rows and sum_rows in bf16: rows are bf16; x and weights are pairs, padded with 0 to whole vectors (x) or to
  // whole pairs (weights). Sums in plain order, padded to the next multiple of 2 * width.
  void (*dot_rows_bf16)(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride);
  /// Makes the pairs out of n weights, an even number, in place.
  void (*pair_weights)(float *x, int64_t n);
  void (*sum_rows_bf16)(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride);

  void (*rms_norm_row)(const NormCall &call, int64_t row);
  void (*layer_norm_row)(const NormCall &call, int64_t row);
  void (*activate_row)(Activation kind, const float *x, const float *up, float *out, int64_t n);
  void (*add_scaled_row)(float *out, const float *x, float scale, int64_t n);
  void (*rotate_head)(float *x, const float *cos, const float *sin, int64_t half, bool interleaved);
  void (*convert_row)(const void *from, Dtype from_type, void *to, Dtype to_type, int64_t n);
  int64_t (*argmax)(const float *x, int64_t n);
};

extern const LevelOps portable_ops;
extern const LevelOps avx2_ops;
extern const LevelOps avx512_ops;
extern const LevelOps avx512_bf16_ops;
extern const LevelOps amx_bf16_ops;

/// The table of the level in use.
const LevelOps &level_ops();

}  // namespace kvern::kernels
