#include "kernels/attention_rows.hpp"

#include <algorithm>

#include "kernels/scratch.hpp"

namespace kvern::kernels {
namespace {

// Software prefetch, by measurement. Up to two queries: none, the hardware prefetcher is best. Three take about as long as
// reading: the rows of the next product are prefetched during this one. More queries take longer, and rows that are transposed
// are read late: rows at a fixed distance ahead in the same product are prefetched. Four with long rows, which
// AVX-512 does not transpose, are as three.
constexpr int64_t kFewQueries = 3;
constexpr int64_t kLongDim = 128, kWidest = 16;
constexpr int64_t kPrefetchBytes = 8192;

}  // namespace

RowProducts::RowProducts(const AttentionShape &shape, const KernelTable &ops) : shape_(shape), ops_(ops) {
  const int64_t longest = std::max(shape.dim_k_padded, shape.key_block);
  const int64_t panel = shape.by_panels ? 2 * ops.width * longest : 0;
  panel_ = thread_scratch(ScratchUser::products, panel);
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

/// In place: pairs of bf16 weights fill the first half of each row.
void RowProducts::to_bf16(const FloatRows &weights, int64_t n) {
  for (int64_t i = 0; i < weights.rows; ++i) {
    float *row = weights.data + i * weights.stride;
    if (n % 2 != 0) row[n] = 0.0f;
    ops_.round_pairs(row, row, n + n % 2);
  }
}

void RowProducts::values_by_panels(const FloatRows &weights, const RowBlock &v, const TileAccumulator &sums) {
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

void RowProducts::values(const FloatRows &weights, const TileAccumulator &sums) {
  FloatRows left = weights;
  for (int64_t part = 0; part < parts(); ++part) {
    const RowBlock v = value_rows(part);
    part_values(left, v, sums);
    left.data += v.rows;
  }
}

void RowProducts::part_values(const FloatRows &weights, const RowBlock &v, const TileAccumulator &sums) {
  if (shape_.in_bf16) to_bf16(weights, v.rows);
  if (shape_.by_panels) return values_by_panels(weights, v, sums);
  (shape_.in_bf16 ? ops_.sum_rows_bf16 : ops_.sum_rows)(weights, v, sums.out, sums.out_stride);
}

DenseRows::DenseRows(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                     const AttentionTile &tile)
    : RowProducts(shape, ops), call_(call), tile_(tile), key_block_(shape.key_block) {
  if (shape.by_panels) return;
  const int64_t few = kFewQueries + (call.dim_k >= kLongDim && ops.width == kWidest ? 1 : 0);
  if (tile.queries > few)
    prefetch_ = Prefetcher::next_rows;
  else if (tile.queries > kFewQueries || (tile.queries > 2 && call.kv_type != Dtype::f32))
    prefetch_ = Prefetcher::next_block;
}

void DenseRows::start(const FloatRows &, int64_t begin, int64_t end) {
  const int64_t keys = std::max<int64_t>(end - begin, 0);
  at_ = begin_ = begin + keys * tile_.split / tile_.splits;
  end_ = begin + keys * (tile_.split + 1) / tile_.splits;
}

bool DenseRows::next(KeyRange *range) {
  if (at_ >= end_) return false;
  range_ = *range = {at_, std::min(key_block_, end_ - at_)};
  at_ += range_.n;
  return true;
}

RowBlock DenseRows::rows(const void *data, const AttentionStrides &stride, int64_t dim, int64_t head,
                         const KeyRange &range) const {
  const int64_t at = tile_.row * stride.row + head * stride.head + range.begin * stride.pos;
  return {element_at(data, call_.kv_type, at), call_.kv_type, stride.pos, range.n, dim};
}

/// Work on `rows` prefetches rows a fixed distance ahead, or the rows of `next`.
RowBlock DenseRows::prefetching(RowBlock rows, const RowBlock &next) const {
  if (prefetch_ == Prefetcher::nothing) return rows;
  const bool ahead = prefetch_ == Prefetcher::next_rows;
  const RowBlock &from = ahead ? rows : next;
  const int64_t size = size_of(call_.kv_type), bytes = from.dim * size, lines = (bytes + 63) / 64;
  const int64_t skipped = ahead ? kPrefetchBytes / bytes + 1 : 0;
  // where rows touch, the next row as well and a line more: of hints that come at once some are lost
  rows.ahead = {static_cast<const char *>(from.data) + skipped * from.stride * size, from.stride * size,
                from.stride == from.dim ? 2 * lines + 1 : lines};
  return rows;
}

RowBlock DenseRows::key_rows(int64_t) {
  return prefetching(rows(call_.k, call_.k_stride, call_.dim_k, tile_.kv_head, range_),
                     rows(call_.v, call_.v_stride, call_.dim_v, tile_.kv_head, range_));
}

/// After a head's last values come the first keys of the next head, if the same thread has that.
RowBlock DenseRows::value_rows(int64_t) {
  const bool last = at_ >= end_;
  const int64_t head = std::min(tile_.kv_head + (last ? 1 : 0), call_.kv_heads - 1);
  return prefetching(rows(call_.v, call_.v_stride, call_.dim_v, tile_.kv_head, range_),
                     rows(call_.k, call_.k_stride, call_.dim_k, head, {last ? begin_ : at_, range_.n}));
}

}  // namespace kvern::kernels
