#include "kernels/quant/integer_products.hpp"

#include <algorithm>

#include "kernels/round_up.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels::quant {
namespace {

// Keys of one softmax iteration, and the most bytes of their blocks: about the size of L1.
constexpr int64_t kRangeKeys = 512, kRangeBytes = 20480;

/// Partitions the thread's workspace; without `base` only counts its floats.
int64_t partition_workspace(const BlockFormat &format, int64_t queries, float *base,
                            IntegerWorkspace *workspace) {
  const int64_t q_stride = round_up(format.key_layout.dim_padded, 64);
  const int64_t scaled_stride = std::max(q_stride, format.tokens);
  const int64_t bytes[] = {64 * std::max(format.key_layout.units, format.value_layout.units),
                           4 * 4 * scaled_stride,
                           queries * q_stride,
                           queries * q_stride,
                           queries * format.tokens,
                           queries * format.tokens,
                           queries * format.key_layout.groups * static_cast<int64_t>(sizeof(RoundedGroup))};
  uint8_t *parts[std::size(bytes)] = {};
  int64_t floats = 0;
  for (size_t i = 0; i < std::size(bytes); ++i) {
    if (base) parts[i] = reinterpret_cast<uint8_t *>(base + floats);
    floats += round_up(bytes[i], 64) / 4;
  }
  *workspace = {parts[0],
                reinterpret_cast<float *>(parts[1]),
                scaled_stride,
                reinterpret_cast<int8_t *>(parts[2]),
                reinterpret_cast<int8_t *>(parts[3]),
                parts[4],
                parts[5],
                q_stride,
                format.tokens,
                reinterpret_cast<RoundedGroup *>(parts[6]),
                {}};
  return floats;
}

/// Into L2.
void prefetch_l2(const std::byte *begin, int64_t bytes) {
#if defined(__GNUC__)
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(begin + i, 0, 2);
#endif
}

}  // namespace

AttentionShape IntegerProducts::shape_of(const PackedCall &call, AttentionShape shape) {
  shape.in_bf16 = false;
  shape.order = Dtype::f32;
  shape.key_block = std::max(kRangeKeys, call.format->tokens);
  return shape;
}

IntegerProducts::IntegerProducts(const PackedCall &call, const AttentionShape &shape,
                                 const PackedKernelTable &ops, const AttentionTile &tile)
    : format_(*call.format),
      ops_(ops),
      keys_{&format_.key, &format_.key_layout, format_.tokens},
      values_{&format_.value, &format_.value_layout, format_.tokens},
      max_blocks_(
          std::max<int64_t>(std::min(shape.key_block / format_.tokens, kRangeBytes / format_.bytes), 1)),
      blocks_(call, tile) {
  const int64_t floats = partition_workspace(format_, tile.queries, nullptr, &workspace_);
  partition_workspace(format_, tile.queries, thread_scratch(ScratchUser::unpacked, floats), &workspace_);
}

void IntegerProducts::start(const FloatRows &q, int64_t begin, int64_t end) {
  blocks_.start(begin, end);
  range_ = blocks_.first_unprefetched();
  prefetch_l2(range_.next, std::min(range_.next_blocks, max_blocks_) * format_.bytes);
  // channels behind the head size are multiplied, too
  std::fill(workspace_.q_high, workspace_.q_high + q.rows * workspace_.q_stride, int8_t{0});
  std::fill(workspace_.q_low, workspace_.q_low + q.rows * workspace_.q_stride, int8_t{0});
  ops_.round_queries(keys_, q, workspace_);
}

bool IntegerProducts::next(KeyRange *range) {
  if (!blocks_.next(max_blocks_, &range_)) return false;
  *range = range_.keys;
  return true;
}

/// Distributes the prefetch of the next range's bytes, in order, over the steps of this one: each block's
/// keys, then each block's values.
void IntegerProducts::set_prefetch(int64_t step) {
  const int64_t half = format_.bytes / 2, from = step * half;
  const int64_t bytes = std::clamp<int64_t>(range_.next_blocks * format_.bytes - from, 0, half);
  workspace_.ahead = {bytes > 0 ? range_.next + from : nullptr, bytes};
}

void IntegerProducts::logits(const FloatRows &q, float *out, int64_t out_stride) {
  for (int64_t i = 0; i < range_.blocks; ++i) {
    const int64_t first = i * format_.tokens, n = std::min(format_.tokens, range_.keys.n - first);
    set_prefetch(i);
    ops_.key_logits(keys_, range_.data + i * format_.bytes, n, q, workspace_, out + first, out_stride);
  }
}

void IntegerProducts::values(const FloatRows &weights, const TileAccumulator &sums) {
  for (int64_t i = 0; i < range_.blocks; ++i) {
    const int64_t first = i * format_.tokens, n = std::min(format_.tokens, range_.keys.n - first);
    const FloatRows part = {weights.data + first, weights.stride, weights.rows};
    // the softmax leaves zeros only up to its own width
    for (int64_t m = 0; m < part.rows; ++m)
      std::fill(part.data + m * part.stride + n, part.data + m * part.stride + round_up(n, 16), 0.0f);
    set_prefetch(range_.blocks + i);
    ops_.sum_values(values_, range_.data + i * format_.bytes, n, part, workspace_, sums.out, sums.out_stride);
  }
}

}  // namespace kvern::kernels::quant
