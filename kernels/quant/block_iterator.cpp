#include "kernels/quant/block_iterator.hpp"

#include <algorithm>

#include "kernels/round_up.hpp"

namespace kvern::kernels::quant {

BlockIterator::BlockIterator(const PackedCall &call, const AttentionTile &tile)
    : row_(call.rows[tile.row]),
      tile_(tile),
      tokens_(call.format->tokens),
      bytes_(call.format->bytes),
      heads_(call.dense.kv_heads) {}

BlockIterator::Span BlockIterator::seen_blocks(const BlockRun &run) const {
  const int64_t begin = std::max<int64_t>(begin_ - run.first_key, 0);
  const int64_t end = std::min(end_ - run.first_key, run.keys);
  if (begin >= end) return {0, 0};
  return {begin / tokens_, pieces_of(end, tokens_)};
}

void BlockIterator::start(int64_t begin, int64_t end) {
  begin_ = begin, end_ = end;
  int64_t blocks = 0;
  for (int64_t i = 0; i < row_.n_runs; ++i) {
    const Span span = seen_blocks(row_.runs[i]);
    blocks += span.end - span.first;
  }
  run_ = 0;
  skip_ = blocks * tile_.split / tile_.splits;
  left_ = blocks * (tile_.split + 1) / tile_.splits - skip_;
  if (left_ == 0) return;
  first_ = cursor();
  first_stride_ = row_.runs[run_].head_stride;
}

/// Current position, left_ > 0: moves on to the next run if this one is done.
BlockIterator::Cursor BlockIterator::cursor() {
  Span span = seen_blocks(row_.runs[run_]);
  while (skip_ >= span.end - span.first) {
    skip_ -= span.end - span.first;
    span = seen_blocks(row_.runs[++run_]);
  }
  const BlockRun &run = row_.runs[run_];
  const int64_t first = span.first + skip_;
  return {run.data + tile_.kv_head * run.head_stride + first * bytes_, first,
          std::min(span.end - first, left_)};
}

BlockRange BlockIterator::first_unprefetched() const {
  const bool expected = tile_.splits == 1 && tile_.kv_head > 0;
  return {nullptr, 0, first_.data, expected ? 0 : first_.blocks, {0, 0}};
}

bool BlockIterator::next(int64_t max_blocks, BlockRange *range) {
  if (left_ == 0) return false;
  const Cursor here = cursor();
  const BlockRun &run = row_.runs[run_];
  const int64_t blocks = std::min(max_blocks, here.blocks), token = here.first * tokens_;
  *range = {
      here.data, blocks, nullptr, 0, {run.first_key + token, std::min(blocks * tokens_, run.keys - token)}};
  skip_ += blocks;
  left_ -= blocks;
  if (left_ > 0) {
    const Cursor there = cursor();
    range->next = there.data;
    range->next_blocks = there.blocks;
  } else if (has_next_head()) {
    range->next = first_.data + first_stride_;
    range->next_blocks = first_.blocks;
  }
  return true;
}

}  // namespace kvern::kernels::quant
