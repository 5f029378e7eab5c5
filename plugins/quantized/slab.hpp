// Where packed blocks lie: pieces of memory that several rows may share. A block that is written is never changed. Nothing
// here knows positions.
#pragma once
#include <kvern/sdk/buffer.hpp>
#include <memory>
#include <vector>

namespace kvern::quantized {

namespace sdk = kvern::sdk;

/// Memory for some blocks of every head, [heads, blocks, block bytes]. Blocks 0 .. used - 1 are written; the rest belongs to
/// the one row that holds the chunk as its `open` one.
struct Chunk {
  sdk::Buffer buffer;
  int64_t heads = 0, blocks = 0, block_bytes = 0, used = 0;

  /// Throws the host's failure.
  Chunk(const sdk::Host &host, int layer, int64_t heads, int64_t blocks, int64_t block_bytes);

  int64_t head_stride() const { return blocks * block_bytes; }
  const std::byte *read(int64_t begin, int64_t end) const { return buffer.read({1, begin, end}); }
  std::byte *fill(int64_t begin, int64_t end) const { return buffer.fill({1, begin, end}); }
};

using ChunkPtr = std::shared_ptr<Chunk>;

/// Tokens of one row that follow each other: those of blocks `block` and later of a chunk, all full but the last.
struct Piece {
  ChunkPtr chunk;
  int64_t block;
  int64_t column;  ///< of the first token
  int64_t tokens;

  int64_t end() const { return column + tokens; }
  int64_t blocks(int64_t block_tokens) const { return (tokens + block_tokens - 1) / block_tokens; }
};

/// One row: its columns [begin, end) are packed, without a gap; what follows is not.
struct PackedRow {
  std::vector<Piece> pieces;
  int64_t begin = 0, end = 0;
  ChunkPtr open;     ///< takes the next blocks while it has some free
  ChunkPtr reserve;  ///< and this one then: only within a step
};

}  // namespace kvern::quantized
