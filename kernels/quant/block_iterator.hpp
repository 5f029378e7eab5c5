// Iterator over the visible blocks of a row's runs that one tile reads: its part of them, in order. Internal
// to the kernels.
#pragma once
#include "kernels/attention_tile.hpp"
#include "kernels/quant/attention.hpp"

namespace kvern::kernels::quant {

/// Contiguous blocks, and the columns of their tokens.
struct BlockRange {
  const std::byte *data;  ///< of the tile's key head
  int64_t blocks;
  const std::byte
      *next;  ///< the next blocks: behind these, in another run, or of the next head; to be prefetched
  int64_t next_blocks;  ///< contiguous blocks there; 0 = these were the last
  KeyRange keys;        ///< tokens of the blocks; the last may not be full
};

class BlockIterator {
 public:
  BlockIterator(const PackedCall &call, const AttentionTile &tile);
  /// Restricts the iterator to blocks with columns of [begin, end).
  void start(int64_t begin, int64_t end);
  /// The first blocks, as `next`, if no iterator before this one prefetches them; else next_blocks is 0.
  BlockRange first_unprefetched() const;
  /// The next blocks, at most `max_blocks` of them; false at the end.
  bool next(int64_t max_blocks, BlockRange *range);

 private:
  struct Span {
    int64_t first, end;  ///< block numbers within a run
  };
  struct Cursor {
    const std::byte *data;
    int64_t first, blocks;  ///< in the run, and how many until the run or the part ends
  };
  Span seen_blocks(const BlockRun &run) const;
  Cursor cursor();
  bool has_next_head() const { return tile_.splits == 1 && tile_.kv_head + 1 < heads_; }

  const PackedRow &row_;
  const AttentionTile &tile_;
  int64_t tokens_, bytes_, heads_;
  int64_t begin_ = 0, end_ = 0;  ///< columns
  int64_t skip_ = 0, left_ = 0;  ///< blocks before the next one, in this run; blocks left
  int64_t run_ = 0;
  Cursor first_ = {};
  int64_t first_stride_ = 0;  ///< bytes from the first block to that of the next head
};

}  // namespace kvern::kernels::quant
