// Which blocks of a row's runs a tile reads, in what order: its share of those that can be seen. Internal to the kernels.
#pragma once
#include "kernels/attention_tile.hpp"
#include "kernels/quant/attention.hpp"

namespace kvern::kernels::quant {

/// Blocks that follow each other in memory, and the columns of their tokens.
struct BlockPiece {
  const std::byte *data;  ///< of the tile's key head
  int64_t blocks;
  const std::byte *next;  ///< what is read next: behind these, in another run, or of the next head
  int64_t next_blocks;    ///< how many, where they follow each other; 0 = these were the last
  KeyRange keys;          ///< as many as the blocks hold, but where the last is not full
};

class BlockWalk {
 public:
  BlockWalk(const PackedCall &call, const AttentionTile &tile);
  /// Only blocks with columns of [begin, end) are walked.
  void start(int64_t begin, int64_t end);
  /// Blocks that are read first, and that no other walk has as its `next`; next_blocks is 0 where there are none.
  BlockPiece unexpected() const;
  /// The next blocks, at most `most` of them; false at the end.
  bool next(int64_t most, BlockPiece *piece);

 private:
  struct Span {
    int64_t first, end;  ///< numbers of blocks in a run
  };
  struct Place {
    const std::byte *data;
    int64_t first, blocks;  ///< in the run, and how many until it or the share ends
  };
  Span seen_blocks(const Run &run) const;
  Place place();
  bool has_next_head() const { return tile_.splits == 1 && tile_.kv_head + 1 < heads_; }

  const PackedRow &row_;
  const AttentionTile &tile_;
  int64_t tokens_, bytes_, heads_;
  int64_t begin_ = 0, end_ = 0;  ///< columns
  int64_t skip_ = 0, left_ = 0;  ///< blocks before the next one, in this run; blocks still to be walked
  int64_t run_ = 0;
  Place first_ = {};
  int64_t first_stride_ = 0;  ///< bytes from the first block to that of the next head
};

}  // namespace kvern::kernels::quant
