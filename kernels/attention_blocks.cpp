// Tiles whose keys and values lie in blocks: a range of keys is read block by block.
#include "kernels/attention_blocks.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string>

#include "kernels/attention_rows.hpp"

namespace kvern::kernels {
namespace {

constexpr int64_t kMaxPrefetchQueries = 16;

class BlockRows final : public RowProducts {
 public:
  BlockRows(const BlockedCall &call, const AttentionShape &shape, const KernelTable &ops,
            const AttentionTile &tile)
      : RowProducts(shape, ops),
        call_(call),
        row_(call.rows[tile.row]),
        tile_(tile),
        key_block_(shape.key_block),
        shift_(std::has_single_bit(static_cast<uint64_t>(call.tokens))
                   ? std::countr_zero(static_cast<uint64_t>(call.tokens))
                   : -1),
        prefetches_(!shape.by_panels && tile.queries > 2 && tile.queries <= kMaxPrefetchQueries &&
                    (call.dense.kv_type != Dtype::f32 || call.tokens < shape.key_block)) {}

  /// Ranges begin at multiples of block_alignment: what is masked before `begin` is masked by position as well.
  void start(const FloatRows &, int64_t begin, int64_t end) override {
    end = std::min(end, row_.keys);
    begin = begin / block_alignment * block_alignment;
    const int64_t keys = std::max<int64_t>(end - begin, 0);
    const auto cut = [&](int64_t split) {
      return split == tile_.splits ? end
                                   : begin + keys * split / tile_.splits / block_alignment * block_alignment;
    };
    at_ = begin_ = cut(tile_.split);
    end_ = cut(tile_.split + 1);
  }

  bool next(KeyRange *range) override {
    if (at_ >= end_) return false;
    range_ = *range = {at_, std::min(key_block_, end_ - at_)};
    at_ += range_.n;
    parts_ = 0;
    for (int64_t at = range_.begin; at < at_; at = end_of_part(at)) ++parts_;
    return true;
  }

 private:
  /// The block of a column: a part takes as long as a few divisions.
  int64_t block_of(int64_t column) const { return shift_ >= 0 ? column >> shift_ : column / call_.tokens; }

  int64_t parts() const override { return parts_; }

  /// Does block i + 1 follow it in memory, in every key head?
  bool runs_on(int64_t i) const {
    const KeyBlock &block = row_.blocks[i], &next = row_.blocks[i + 1];
    const AttentionCall &dense = call_.dense;
    return next.k == element_at(block.k, dense.kv_type, call_.tokens * dense.k_stride.pos) &&
           next.v == element_at(block.v, dense.kv_type, call_.tokens * dense.v_stride.pos) &&
           next.k_head == block.k_head && next.v_head == block.v_head;
  }

  /// Of the part that begins at this column of the range: blocks that run on are one part.
  int64_t end_of_part(int64_t begin) const {
    const int64_t range_end = range_.begin + range_.n;
    int64_t block = block_of(begin), end = (block + 1) * call_.tokens;
    for (; end < range_end && runs_on(block); ++block) end += call_.tokens;
    return std::min(end, range_end);
  }

  /// The columns of a part. Parts are asked for in order.
  KeyRange part_of(int64_t part) {
    part_.begin = part == 0 ? range_.begin : part_.begin + part_.n;
    part_.n = end_of_part(part_.begin) - part_.begin;
    return part_;
  }

  RowBlock key_rows(int64_t part) override {
    const KeyRange keys = part_of(part);
    return prefetching(rows(keys, true, tile_.kv_head), rows(keys, false, tile_.kv_head));
  }
  /// During the values of a part the keys as far ahead as the range is long are prefetched; after a head's last values come the
  /// first keys of the next head, if the same thread has that.
  RowBlock value_rows(int64_t part) override {
    const KeyRange keys = part_of(part);
    const RowBlock values = rows(keys, false, tile_.kv_head);
    const bool last = keys.begin + range_.n >= end_;
    const int64_t begin = last ? begin_ + keys.begin - range_.begin : keys.begin + range_.n;
    if (begin >= row_.keys) return values;
    const int64_t head = std::min(tile_.kv_head + (last ? 1 : 0), call_.dense.kv_heads - 1);
    return prefetching(values, rows({begin, keys.n}, true, head));
  }

  RowBlock rows(const KeyRange &keys, bool of_keys, int64_t head) const {
    const AttentionCall &dense = call_.dense;
    const int64_t number = block_of(keys.begin);
    const KeyBlock &block = row_.blocks[number];
    const int64_t stride = of_keys ? dense.k_stride.pos : dense.v_stride.pos;
    const int64_t at =
        head * (of_keys ? block.k_head : block.v_head) + (keys.begin - number * call_.tokens) * stride;
    return {element_at(of_keys ? block.k : block.v, dense.kv_type, at), dense.kv_type, stride, keys.n,
            of_keys ? dense.dim_k : dense.dim_v};
  }

  /// Work on `rows` prefetches `next`. Where rows touch, the next row as well and a line more: of hints that come at once some
  /// are lost.
  RowBlock prefetching(RowBlock rows, const RowBlock &next) const {
    if (!prefetches_) return rows;
    const int64_t size = size_of(next.type), lines = (next.dim * size + 63) / 64;
    rows.ahead = {static_cast<const char *>(next.data), next.stride * size,
                  next.stride == next.dim ? 2 * lines + 1 : lines};
    return rows;
  }

  const BlockedCall &call_;
  const BlockedRow &row_;
  const AttentionTile &tile_;
  int64_t key_block_, begin_ = 0, at_ = 0, end_ = 0;
  int shift_;  // tokens of a block as a power of two; -1: they are none
  bool prefetches_;
  KeyRange range_ = {}, part_ = {};
  int64_t parts_ = 0;  // of the range
};

void check(const BlockedCall &call) {
  check_attention(call.dense);
  const auto refuse = [](const std::string &what) {
    throw std::invalid_argument("attention over blocks: " + what);
  };
  if (call.tokens < 1 || call.tokens % block_alignment != 0)
    refuse("blocks of " + std::to_string(call.tokens) + " tokens");
  if (!call.rows && call.dense.rows > 0) refuse("no rows");
}

}  // namespace

void attention(const BlockedCall &call, const Parallel &parallel) {
  check(call);
  if (call.dense.rows == 0 || call.dense.n_new == 0) return;
  const KernelTable &ops = kernel_table();
  const AttentionShape shape(call.dense, ops);
  attend_by_products(
      call.dense, shape, ops, [&](const AttentionTile &tile) { return BlockRows(call, shape, ops, tile); },
      parallel);
}

}  // namespace kvern::kernels
