// The packed part of a saved cache. A stream is read in pieces of about a megabyte, so that memory is not taken on its word.
#include <algorithm>

#include "plugins/quantized/packed_rows.hpp"

namespace kvern::quantized {
namespace {

constexpr int64_t kPiece = int64_t{1} << 20;

}  // namespace

void PackedRows::save(sdk::Writer &out) const {
  for (const PackedRow &row : rows_) {
    const auto groups = joined(row, format_.tokens);
    out.number(row.begin);
    out.number(static_cast<int64_t>(groups.size()));
    for (const std::span<const Piece> group : groups) {
      out.number(tokens_of(group));
      for (const Piece &piece : group) {
        const int64_t count = piece.blocks(format_.tokens);
        const std::byte *data = piece.chunk->read(piece.block, piece.block + count);
        for (int64_t i = 0; i < count; ++i) {
          for (int64_t head = 0; head < heads_; ++head) {
            out.bytes(data + head * piece.chunk->head_stride() + (piece.block + i) * format_.bytes,
                      format_.bytes);
          }
        }
      }
    }
  }
}

void PackedRows::load(sdk::Reader &in, int64_t rows, int64_t held) {
  assign(0);
  for (int64_t i = 0; i < rows; ++i) {
    PackedRow row;
    load_row(in, row, held);
    rows_.push_back(std::move(row));
    counted_ = false;
  }
}

void PackedRows::load_row(sdk::Reader &in, PackedRow &row, int64_t held) const {
  row.begin = row.end = in.integer("the first packed token", 0, held);
  const int64_t groups = in.integer("packed pieces", 0, held - row.begin);
  for (int64_t i = 0; i < groups; ++i) {
    int64_t left = in.integer("tokens of a packed piece", 1, held - row.end);
    const int64_t most = std::max<int64_t>(1, kPiece / (heads_ * format_.bytes)) * format_.tokens;
    while (left > 0) {
      const int64_t tokens = std::min(left, most);
      load_piece(in, row, tokens);
      left -= tokens;
    }
  }
}

void PackedRows::load_piece(sdk::Reader &in, PackedRow &row, int64_t tokens) const {
  const int64_t blocks = (tokens + format_.tokens - 1) / format_.tokens;
  const ChunkPtr to = chunk(blocks);
  std::byte *data = to->fill(0, blocks);
  for (int64_t i = 0; i < blocks; ++i) {
    for (int64_t head = 0; head < heads_; ++head) {
      in.bytes(data + head * to->head_stride() + i * format_.bytes, format_.bytes);
    }
  }
  to->used = blocks;
  row.pieces.push_back({to, 0, row.end, tokens});
  row.end += tokens;
}

}  // namespace kvern::quantized
