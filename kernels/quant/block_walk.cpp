#include "kernels/quant/block_walk.hpp"

#include <algorithm>

#include "kernels/round_up.hpp"

namespace kvern::kernels::quant {

BlockWalk::BlockWalk(const PackedCall &call, const AttentionTile &tile)
    : row_(call.rows[tile.row]),
      tile_(tile),
      tokens_(call.format->tokens),
      bytes_(call.format->bytes),
      heads_(call.dense.kv_heads) {}

BlockWalk::Span BlockWalk::seen_blocks(const Run &run) const {
  const int64_t begin = std::max<int64_t>(begin_ - run.first_key, 0);
  const int64_t end = std::min(end_ - run.first_key, run.keys);
  if (begin >= end) return {0, 0};
  return {begin / tokens_, pieces_of(end, tokens_)};
}

void BlockWalk::start(int64_t begin, int64_t end) {
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
  first_ = place();
  first_stride_ = row_.runs[run_].head_stride;
}

/// Where the walk stands, left_ > 0: moves on to the next run if this one is done.
BlockWalk::Place BlockWalk::place() {
  Span span = seen_blocks(row_.runs[run_]);
  while (skip_ >= span.end - span.first) {
    skip_ -= span.end - span.first;
    span = seen_blocks(row_.runs[++run_]);
  }
  const Run &run = row_.runs[run_];
  const int64_t first = span.first + skip_;
  return {run.data + tile_.kv_head * run.head_stride + first * bytes_, first,
          std::min(span.end - first, left_)};
}

BlockPiece BlockWalk::unexpected() const {
  const bool expected = tile_.splits == 1 && tile_.kv_head > 0;
  return {nullptr, 0, first_.data, expected ? 0 : first_.blocks, {0, 0}};
}

bool BlockWalk::next(int64_t most, BlockPiece *piece) {
  if (left_ == 0) return false;
  const Place here = place();
  const Run &run = row_.runs[run_];
  const int64_t blocks = std::min(most, here.blocks), token = here.first * tokens_;
  *piece = {
      here.data, blocks, nullptr, 0, {run.first_key + token, std::min(blocks * tokens_, run.keys - token)}};
  skip_ += blocks;
  left_ -= blocks;
  if (left_ > 0) {
    const Place there = place();
    piece->next = there.data;
    piece->next_blocks = there.blocks;
  } else if (has_next_head()) {
    piece->next = first_.data + first_stride_;
    piece->next_blocks = first_.blocks;
  }
  return true;
}

}  // namespace kvern::kernels::quant
