#include "core/kernels/attention_rows.hpp"

#include <algorithm>

#include "core/kernels/scratch.hpp"

namespace kvern::kernels {

RowProducts::RowProducts(const AttentionShape &shape, const LevelOps &ops) : shape_(shape), ops_(ops) {
  const int64_t longest = std::max(shape.dim_k_padded, shape.key_block);
  const int64_t panel = shape.by_panels ? 2 * ops.width * longest : 0;
  const int64_t total = ScratchCutter::floats<float>(panel) + ScratchCutter::floats<float>(longest);
  ScratchCutter cutter(thread_scratch(ScratchUser::products, total));
  panel_ = cutter.take<float>(panel);
  row_ = cutter.take<float>(longest);
}

void RowProducts::logits(const FloatRows &q, float *out, int64_t out_stride) {
  for (int64_t part = 0; part < parts(); ++part) {
    const RowBlock k = key_rows(part);
    part_logits(q, k, out, out_stride);
    out += k.rows;
  }
}

void RowProducts::part_logits(const FloatRows &q, const RowBlock &k, float *out, int64_t out_stride) {
  if (!shape_.by_panels) return (shape_.in_bf16 ? ops_.dot_rows_bf16 : ops_.dot_rows)(q, k, out, out_stride);
  const int64_t width = 2 * ops_.width;
  for (int64_t column = 0; column < k.rows; column += width) {
    RowBlock part = k;
    part.data = element_at(k.data, k.type, column * k.stride);
    part.rows = std::min(width, k.rows - column);
    if (shape_.in_bf16) {
      ops_.pack_columns_bf16(part, panel_);
      ops_.gemm_panel_bf16(q, (k.dim + 1) / 2, panel_, out + column, out_stride, false);
    } else {
      ops_.pack_columns(part, panel_);
      ops_.gemm_panel(q, k.dim, panel_, out + column, out_stride, false);
    }
  }
}

/// In place: pairs of bf16 weights take the first half of each row.
void RowProducts::to_bf16(const FloatRows &weights, int64_t n) {
  for (int64_t i = 0; i < weights.rows; ++i) {
    float *row = weights.data + i * weights.stride;
    if (n % 2 != 0) row[n] = 0.0f;
    ops_.convert_row(row, Dtype::f32, row_, Dtype::bf16, n + n % 2);
    std::copy(row_, row_ + (n + 1) / 2, row);
  }
}

void RowProducts::values_by_panels(const FloatRows &weights, const RowBlock &v, const TileSums &sums) {
  const int64_t width = 2 * ops_.width;
  for (int64_t column = 0; column < v.dim; column += width) {
    RowBlock part = v;
    part.data = element_at(v.data, v.type, column);
    part.dim = std::min(width, v.dim - column);
    if (shape_.in_bf16) {
      ops_.pack_rows_bf16(part, panel_);
      ops_.gemm_panel_bf16(weights, (v.rows + 1) / 2, panel_, sums.out + column, sums.out_stride, true);
    } else {
      ops_.pack_rows(part, panel_);
      ops_.gemm_panel(weights, v.rows, panel_, sums.out + column, sums.out_stride, true);
    }
  }
}

void RowProducts::values(const FloatRows &weights, const TileSums &sums) {
  FloatRows left = weights;
  for (int64_t part = 0; part < parts(); ++part) {
    const RowBlock v = value_rows(part);
    part_values(left, v, sums);
    left.data += v.rows;
  }
}

void RowProducts::part_values(const FloatRows &weights, const RowBlock &v, const TileSums &sums) {
  if (shape_.in_bf16) to_bf16(weights, v.rows);
  if (shape_.by_panels) return values_by_panels(weights, v, sums);
  (shape_.in_bf16 ? ops_.sum_rows_bf16 : ops_.sum_rows)(weights, v, sums.out, sums.out_stride);
}

DenseRows::DenseRows(const AttentionCall &call, const AttentionShape &shape, const LevelOps &ops,
                     const AttentionTile &tile)
    : RowProducts(shape, ops), call_(call), tile_(tile), key_block_(shape.key_block) {}

void DenseRows::start(const FloatRows &, int64_t begin, int64_t end) {
  const int64_t keys = std::max<int64_t>(end - begin, 0);
  at_ = begin + keys * tile_.split / tile_.splits;
  end_ = begin + keys * (tile_.split + 1) / tile_.splits;
}

bool DenseRows::next(KeyRange *range) {
  if (at_ >= end_) return false;
  range_ = *range = {at_, std::min(key_block_, end_ - at_)};
  at_ += range_.n;
  return true;
}

RowBlock DenseRows::rows(const void *data, const AttentionStrides &stride, int64_t dim) const {
  const int64_t at = tile_.row * stride.row + tile_.kv_head * stride.head + range_.begin * stride.pos;
  return {element_at(data, call_.kv_type, at), call_.kv_type, stride.pos, range_.n, dim};
}

}  // namespace kvern::kernels
