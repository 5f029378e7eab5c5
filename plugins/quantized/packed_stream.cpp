// The packed part of a saved cache. It is read in sections of about a megabyte, so that a forged size allocates no more.
#include <algorithm>

#include "plugins/quantized/packed_rows.hpp"

namespace kvern::quantized {
namespace {

constexpr int64_t kSection = int64_t{1} << 20;

}  // namespace

void PackedRows::save(sdk::Writer &out) const {
  for (const RowBlocks &row : rows_) {
    const auto groups = joined(row, format_.tokens);
    out.number(row.begin);
    out.number(static_cast<int64_t>(groups.size()));
    for (const std::span<const BlockSpan> group : groups) {
      out.number(tokens_of(group));
      for (const BlockSpan &span : group) {
        const int64_t count = span.blocks(format_.tokens);
        const std::byte *data = span.slab->read(span.block, span.block + count);
        for (int64_t i = 0; i < count; ++i) {
          for (int64_t head = 0; head < heads_; ++head) {
            out.bytes(data + head * span.slab->head_stride() + (span.block + i) * format_.bytes,
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
    RowBlocks row;
    load_row(in, row, held);
    rows_.push_back(std::move(row));
    counted_ = false;
  }
}

void PackedRows::load_row(sdk::Reader &in, RowBlocks &row, int64_t held) const {
  row.begin = row.end = in.integer("the first packed token", 0, held);
  const int64_t groups = in.integer("packed spans", 0, held - row.begin);
  for (int64_t i = 0; i < groups; ++i) {
    int64_t left = in.integer("tokens of a packed span", 1, held - row.end);
    const int64_t max = std::max<int64_t>(1, kSection / (heads_ * format_.bytes)) * format_.tokens;
    while (left > 0) {
      const int64_t tokens = std::min(left, max);
      load_blocks(in, row, tokens);
      left -= tokens;
    }
  }
}

void PackedRows::load_blocks(sdk::Reader &in, RowBlocks &row, int64_t tokens) const {
  const int64_t blocks = (tokens + format_.tokens - 1) / format_.tokens;
  const SlabPtr to = slab(blocks);
  std::byte *data = to->fill(0, blocks);
  for (int64_t i = 0; i < blocks; ++i) {
    for (int64_t head = 0; head < heads_; ++head) {
      in.bytes(data + head * to->head_stride() + i * format_.bytes, format_.bytes);
    }
  }
  to->used = blocks;
  row.spans.push_back({to, 0, row.end, tokens});
  row.end += tokens;
}

}  // namespace kvern::quantized
