#include "kernels/quant/integer_products.hpp"

#include <algorithm>

#include "kernels/round_up.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels::quant {
namespace {

// Keys whose logits go through one softmax, as far as their blocks are at most so large: about what the first cache holds.
constexpr int64_t kPieceKeys = 512, kPieceBytes = 20480;

/// Cuts the room out of the thread's scratch; without `base` only counts its floats.
int64_t cut_room(const BlockFormat &format, int64_t queries, float *base, IntegerRoom *room) {
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
  *room = {parts[0],
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

/// Into the second cache.
void prefetch(const std::byte *begin, int64_t bytes) {
#if defined(__GNUC__)
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(begin + i, 0, 2);
#endif
}

}  // namespace

AttentionShape IntegerProducts::shape_of(const PackedCall &call, AttentionShape shape) {
  shape.in_bf16 = false;
  shape.order = Dtype::f32;
  shape.key_block = std::max(kPieceKeys, call.format->tokens);
  return shape;
}

IntegerProducts::IntegerProducts(const PackedCall &call, const AttentionShape &shape, const PackedOps &ops,
                                 const AttentionTile &tile)
    : format_(*call.format),
      ops_(ops),
      keys_{&format_.key, &format_.key_layout, format_.tokens},
      values_{&format_.value, &format_.value_layout, format_.tokens},
      most_blocks_(
          std::max<int64_t>(std::min(shape.key_block / format_.tokens, kPieceBytes / format_.bytes), 1)),
      walk_(call, tile) {
  const int64_t floats = cut_room(format_, tile.queries, nullptr, &room_);
  cut_room(format_, tile.queries, thread_scratch(ScratchUser::unpacked, floats), &room_);
}

void IntegerProducts::start(const FloatRows &q, int64_t begin, int64_t end) {
  walk_.start(begin, end);
  piece_ = walk_.unexpected();
  prefetch(piece_.next, std::min(piece_.next_blocks, most_blocks_) * format_.bytes);
  // channels behind the head size are multiplied, too
  std::fill(room_.q_high, room_.q_high + q.rows * room_.q_stride, int8_t{0});
  std::fill(room_.q_low, room_.q_low + q.rows * room_.q_stride, int8_t{0});
  ops_.round_queries(keys_, q, room_);
}

bool IntegerProducts::next(KeyRange *range) {
  if (!walk_.next(most_blocks_, &piece_)) return false;
  *range = piece_.keys;
  return true;
}

/// The next piece's bytes, in order, over the steps of this one: each block's keys, then each block's values.
void IntegerProducts::look_ahead(int64_t step) {
  const int64_t half = format_.bytes / 2, from = step * half;
  const int64_t bytes = std::clamp<int64_t>(piece_.next_blocks * format_.bytes - from, 0, half);
  room_.ahead = {bytes > 0 ? piece_.next + from : nullptr, bytes};
}

void IntegerProducts::logits(const FloatRows &q, float *out, int64_t out_stride) {
  for (int64_t i = 0; i < piece_.blocks; ++i) {
    const int64_t first = i * format_.tokens, n = std::min(format_.tokens, piece_.keys.n - first);
    look_ahead(i);
    ops_.key_logits(keys_, piece_.data + i * format_.bytes, n, q, room_, out + first, out_stride);
  }
}

void IntegerProducts::values(const FloatRows &weights, const TileSums &sums) {
  for (int64_t i = 0; i < piece_.blocks; ++i) {
    const int64_t first = i * format_.tokens, n = std::min(format_.tokens, piece_.keys.n - first);
    const FloatRows part = {weights.data + first, weights.stride, weights.rows};
    // the softmax leaves zeros only up to its own width
    for (int64_t m = 0; m < part.rows; ++m)
      std::fill(part.data + m * part.stride + n, part.data + m * part.stride + round_up(n, 16), 0.0f);
    look_ahead(piece_.blocks + i);
    ops_.sum_values(values_, piece_.data + i * format_.bytes, n, part, room_, sums.out, sums.out_stride);
  }
}

}  // namespace kvern::kernels::quant
