// Inner kernels, one table per instruction set, on blocks that fit the processor's caches. attention.cpp,
// matmul.cpp and elementwise.cpp partition the work and distribute it over threads.
#pragma once
#include <cstdint>

#include "kernels/causal_conv.hpp"
#include "kernels/delta_rule.hpp"
#include "kernels/dtype.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/selective_scan.hpp"
#include "kernels/ssd_scan.hpp"

namespace kvern::kernels {

/// Rows to prefetch: `lines` cache lines of each row, `stride` bytes from row to row; none if lines is 0.
struct PrefetchHint {
  const char *data = nullptr;
  int64_t stride = 0, lines = 0;
};

/// Rows in memory: `data` of `type`, `stride` elements from row to row; one row of `ahead` is prefetched for
/// each.
struct RowBlock {
  const void *data;
  Dtype type;
  int64_t stride, rows, dim;
  PrefetchHint ahead = {};
};

/// Rows of f32 with a stride.
struct FloatRows {
  float *data;
  int64_t stride, rows;
};

/// Online softmax state of one query: running maximum, running sum, rescale factor of the accumulator.
struct OnlineSoftmaxState {
  float max, sum, factor;
};

struct KernelTable {
  int width;  ///< floats in a vector; a panel of the matrix product is 2 * width columns wide

  // pair order: the order in which dot_rows and sum_rows keep the f32 operand of a dtype (cheapest
  // unpacking); see vec_portable.inl
  void (*order_pairs)(Dtype type, const float *from, float *to, int64_t n);
  void (*restore_pairs)(Dtype type, const float *from, float *to, int64_t n);

  /// out[m][r] = x[m] . row r. x in pair order, readable up to the next multiple of width.
  void (*dot_rows)(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride);
  /// out[m] += sum over r of weight[m][r] * row r. out in pair order, padded to the next multiple of width.
  void (*sum_rows)(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride);
  /// The same for long rows: streams several rows in parallel from end to end instead of keeping out in
  /// registers.
  void (*sum_long_rows)(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride);

  /// Replaces n logits (n > 0, a multiple of width) by weights exp(factor * x - max) and updates the state.
  /// factor > 0.
  void (*softmax)(float *x, int64_t n, float factor, OnlineSoftmaxState *state);
  void (*softcap)(float *x, int64_t n, float cap);
  void (*scale)(float *x, int64_t n, float factor);

  /// Packs panels for gemm_panel, f32 [k][2 * width], zero behind the end of the source: from rows that are
  /// columns of the panel (rows <= 2 * width), or from rows of the panel (dim <= 2 * width).
  void (*pack_columns)(const RowBlock &rows, float *panel);
  void (*pack_rows)(const RowBlock &rows, float *panel);
  /// c [m, 2 * width] = (accumulate ? c : 0) + a [m, k] * panel [k, 2 * width]
  void (*gemm_panel)(FloatRows a, int64_t k, const float *panel, float *c, int64_t c_stride, bool accumulate);

  // The same in bf16, two elements in each 32 bits along k; NULL without bf16 dot products, or where products in f32 are
  // faster. Sources are bf16; an odd k is padded with 0.
  void (*pack_columns_bf16)(const RowBlock &rows, float *panel);
  void (*pack_rows_bf16)(const RowBlock &rows, float *panel);
  void (*gemm_panel_bf16)(FloatRows a, int64_t k_pairs, const float *panel, float *c, int64_t c_stride,
                          bool accumulate);

  // dot_rows and sum_rows in bf16, NULL without bf16 dot products: rows are bf16; x and weights are pairs, padded with 0 to whole vectors (x)
  // or to whole pairs (weights). Accumulators in plain order, padded to the next multiple of 2 * width.
  void (*dot_rows_bf16)(FloatRows x, const RowBlock &rows, float *out, int64_t out_stride);
  /// Rounds n numbers to bf16, two to a pair; `to` may be `from`.
  void (*round_pairs)(const float *from, float *to, int64_t n);
  void (*sum_rows_bf16)(FloatRows weight, const RowBlock &rows, float *out, int64_t out_stride);

  void (*rms_norm_row)(const NormCall &call, int64_t row);
  void (*layer_norm_row)(const NormCall &call, int64_t row);
  void (*activate_row)(Activation kind, const float *x, const float *up, float *out, int64_t n);
  void (*add_scaled_row)(float *out, const float *x, float scale, int64_t n);
  void (*rotate_head)(float *x, const float *cos, const float *sin, int64_t half, bool interleaved);
  void (*convert_row)(const void *from, Dtype from_type, void *to, Dtype to_type, int64_t n);
  /// To the nearest bf16, ties to even, still as f32.
  void (*round_row)(const float *from, float *to, int64_t n);
  int64_t (*argmax)(const float *x, int64_t n);

  // recurrences: channels [first, last) of a row, or one head with the scalars [n_new] of its tokens
  void (*causal_conv_row)(const CausalConvCall &call, int64_t row, int64_t first, int64_t last);
  void (*selective_scan_row)(const SelectiveScanCall &call, int64_t row, int64_t first, int64_t last);
  void (*ssd_scan_head)(const SsdScanCall &call, int64_t row, int64_t head, const float *steps,
                        const float *decays);
  void (*delta_rule_head)(const DeltaRuleCall &call, int64_t row, int64_t head, const float *betas,
                          const float *decays);
};

/// The table of the CPU capability in use.
const KernelTable &kernel_table();

}  // namespace kvern::kernels
