// Memory of packed blocks, which several rows may share. A written block is never changed. No positions.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <memory>
#include <vector>

namespace kvern::quantized {

namespace sdk = kvern::sdk;

/// Blocks of every head, [heads, blocks, block bytes]. Blocks 0 .. used - 1 are written; the others belong to the row whose `open`
/// slab this is.
struct Slab {
  sdk::Buffer buffer;
  int64_t heads = 0, blocks = 0, block_bytes = 0, used = 0;

  /// Throws the host's failure.
  Slab(const sdk::Host &host, int layer, int64_t heads, int64_t blocks, int64_t block_bytes);

  int64_t head_stride() const { return blocks * block_bytes; }
  const std::byte *read(int64_t begin, int64_t end) const { return buffer.read({1, begin, end}); }
  std::byte *fill(int64_t begin, int64_t end) const { return buffer.fill({1, begin, end}); }
};

using SlabPtr = std::shared_ptr<Slab>;

/// Tokens of one row that follow each other: those of blocks `block` and later of a slab, all full but the last.
struct BlockSpan {
  SlabPtr slab;
  int64_t block;
  int64_t column;  ///< of the first token
  int64_t tokens;

  int64_t end() const { return column + tokens; }
  int64_t blocks(int64_t block_tokens) const { return (tokens + block_tokens - 1) / block_tokens; }
};

/// One row: its columns [begin, end) are packed, without a gap; what follows is not.
struct RowBlocks {
  std::vector<BlockSpan> spans;
  int64_t begin = 0, end = 0;
  SlabPtr open;     ///< receives the next blocks while some are free
  SlabPtr reserve;  ///< receives those after them; only within a step
};

}  // namespace kvern::quantized
