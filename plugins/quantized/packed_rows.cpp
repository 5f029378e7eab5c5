#include "plugins/quantized/packed_rows.hpp"

#include <algorithm>

namespace kvern::quantized {

namespace {

constexpr int64_t kMostBlocksAhead = 4;

/// Address of a token of a row in head `head` of a tensor [B, H, T, D].
std::byte *token_of(const DLTensor &tensor, int64_t row, int64_t head, int64_t slot) {
  const sdk::Block block = sdk::block_of(tensor);
  return block.data + row * block.row_stride + head * block.head_stride + slot * block.slot_stride;
}

/// Runs f(task, head) for all of them, on all threads.
template <class F>
void for_all(const kernels::Parallel &parallel, int64_t tasks, int64_t heads, F f) {
  kernels::parallel_for(parallel, tasks * heads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i / heads, i % heads);
  });
}

}  // namespace

int64_t PackedRows::least_begin() const {
  int64_t least = rows_.empty() ? 0 : rows_[0].begin;
  for (const PackedRow &row : rows_) least = std::min(least, row.begin);
  return least;
}

int64_t PackedRows::least_end() const {
  int64_t least = rows_.empty() ? 0 : rows_[0].end;
  for (const PackedRow &row : rows_) least = std::min(least, row.end);
  return least;
}

bool PackedRows::empty() const {
  return std::all_of(rows_.begin(), rows_.end(), [](const PackedRow &row) { return row.pieces.empty(); });
}

ChunkPtr PackedRows::chunk(int64_t blocks) const {
  return std::make_shared<Chunk>(host_, layer_, heads_, blocks, format_.bytes);
}

void PackedRows::reserve(int64_t number, int64_t blocks) {
  PackedRow &row = rows_[static_cast<std::size_t>(number)];
  const int64_t free = row.open ? row.open->blocks - row.open->used : 0;
  row.pieces.reserve(row.pieces.size() + 2);
  if (blocks <= free) return;
  counted_ = false;
  const int64_t before = (row.end - row.begin) / format_.tokens;
  row.reserve = chunk(std::max(blocks - free, std::clamp<int64_t>(before, 1, kMostBlocksAhead)));
}

void PackedRows::drop_reserves() {
  for (PackedRow &row : rows_) {
    if (row.reserve) counted_ = false;
    row.reserve.reset();
  }
}

/// Blocks of one row that are to be written into one chunk.
class Packing {
 public:
  explicit Packing(PackedRows &rows) : rows_(rows) {}

  void take(PackedRow &row, int64_t number, int64_t blocks, int64_t base) {
    const int64_t tokens = rows_.format_.tokens;
    while (blocks > 0) {
      if (!row.open || row.open->used == row.open->blocks) row.open = std::move(row.reserve);
      Chunk &chunk = *row.open;
      const int64_t count = std::min(blocks, chunk.blocks - chunk.used);
      std::byte *data = chunk.fill(chunk.used, chunk.used + count);
      for (int64_t i = 0; i < count; ++i) {
        tasks_.push_back({data + (chunk.used + i) * chunk.block_bytes, chunk.head_stride(), number,
                          row.end - base + i * tokens});
      }
      extend(row, count * tokens);
      chunk.used += count;
      row.end += count * tokens;
      blocks -= count;
    }
  }

  void write(const DenseSource &from, const kernels::Parallel &parallel) const {
    const int64_t k_stride = sdk::stride_of(from.k, 2), v_stride = sdk::stride_of(from.v, 2);
    for_all(parallel, static_cast<int64_t>(tasks_.size()), rows_.heads_, [&](int64_t i, int64_t head) {
      const Task &task = tasks_[static_cast<std::size_t>(i)];
      std::byte *block = task.block + head * task.head_stride;
      const quant::Rows k{token_of(from.k, task.row, head, task.slot), rows_.type_, k_stride};
      const quant::Rows v{token_of(from.v, task.row, head, task.slot), rows_.type_, v_stride};
      quant::quantize_keys(rows_.format_, k, rows_.format_.tokens, rows_.search_, block);
      quant::quantize_values(rows_.format_, v, rows_.format_.tokens, rows_.search_, block);
    });
  }

 private:
  struct Task {
    std::byte *block;  // of head 0
    int64_t head_stride, row, slot;
  };

  /// The piece that the new blocks of the row's open chunk belong to.
  void extend(PackedRow &row, int64_t tokens) {
    const int64_t block_tokens = rows_.format_.tokens;
    if (!row.pieces.empty()) {
      Piece &last = row.pieces.back();
      const bool follows = last.chunk == row.open && last.tokens % block_tokens == 0 &&
                           last.block + last.tokens / block_tokens == row.open->used;
      if (follows) {
        last.tokens += tokens;
        return;
      }
    }
    row.pieces.push_back({row.open, row.open->used, row.end, tokens});
  }

  PackedRows &rows_;
  std::vector<Task> tasks_;
};

void PackedRows::pack(const std::function<int64_t(int64_t row)> &blocks, const DenseSource &from,
                      const kernels::Parallel &parallel) {
  counted_ = false;
  Packing packing(*this);
  for (int64_t row = 0; row < rows(); ++row) {
    packing.take(rows_[static_cast<std::size_t>(row)], row, blocks(row), from.base);
  }
  packing.write(from, parallel);
}

void PackedRows::cut(int64_t column) {
  counted_ = false;
  for (PackedRow &row : rows_) {
    if (row.end <= column) continue;
    row.begin = std::min(row.begin, column);
    row.end = column;
    while (!row.pieces.empty() && row.pieces.back().column >= column) row.pieces.pop_back();
    if (!row.pieces.empty()) {
      Piece &last = row.pieces.back();
      last.tokens = std::min(last.tokens, column - last.column);
    }
    if (!row.open) continue;
    // what nobody has any more can be written again
    int64_t own = 0, used = 0;
    for (const Piece &piece : row.pieces) {
      if (piece.chunk != row.open) continue;
      ++own;
      used = std::max(used, piece.block + piece.blocks(format_.tokens));
    }
    if (row.open.use_count() == own + 1) row.open->used = used;
    if (row.open->used == 0) row.open.reset();
  }
}

void PackedRows::move(int64_t by) {
  for (PackedRow &row : rows_) {
    row.begin += by;
    row.end += by;
    for (Piece &piece : row.pieces) piece.column += by;
  }
}

void PackedRows::gather(std::span<const int64_t> order) {
  std::vector<PackedRow> gathered;
  gathered.reserve(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    gathered.push_back(rows_[static_cast<std::size_t>(order[i])]);
    // free blocks have one owner: the first of the copies
    if (std::find(order.begin(), order.begin() + static_cast<int64_t>(i), order[i]) !=
        order.begin() + static_cast<int64_t>(i)) {
      gathered.back().open.reset();
    }
  }
  rows_ = std::move(gathered);
  counted_ = false;
}

std::vector<std::span<const Piece>> joined(const PackedRow &row, int64_t block_tokens) {
  std::vector<std::span<const Piece>> groups;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= row.pieces.size(); ++i) {
    if (i < row.pieces.size() && row.pieces[i - 1].tokens % block_tokens == 0) continue;
    groups.push_back(std::span(row.pieces).subspan(first, i - first));
    first = i;
  }
  return groups;
}

int64_t tokens_of(std::span<const Piece> group) { return group.back().end() - group.front().column; }

PackedRow PackedRows::copy(const PackedRow &from, int64_t by) const {
  PackedRow row;
  row.begin = from.begin + by;
  row.end = from.end + by;
  for (const std::span<const Piece> group : joined(from, format_.tokens)) {
    const int64_t tokens = tokens_of(group), blocks = (tokens + format_.tokens - 1) / format_.tokens;
    const ChunkPtr to = chunk(blocks);
    std::byte *target = to->fill(0, blocks);
    for (const Piece &piece : group) {
      const int64_t count = piece.blocks(format_.tokens), bytes = format_.bytes;
      const std::byte *source = piece.chunk->read(piece.block, piece.block + count);
      for (int64_t head = 0; head < heads_; ++head) {
        std::memcpy(target + head * to->head_stride() + to->used * bytes,
                    source + head * piece.chunk->head_stride() + piece.block * bytes,
                    static_cast<std::size_t>(count * bytes));
      }
      to->used += count;
    }
    row.pieces.push_back({to, 0, group.front().column + by, tokens});
  }
  return row;
}

std::vector<PackedRow> PackedRows::copies(const PackedRows &other, int64_t by) const {
  std::vector<PackedRow> rows;
  for (const PackedRow &row : other.rows_) rows.push_back(copy(row, by));
  return rows;
}

void PackedRows::join(std::vector<PackedRow> rows) {
  counted_ = false;
  for (PackedRow &row : rows) rows_.push_back(std::move(row));
}

void PackedRows::unpack(int64_t number, const DLTensor &k, const DLTensor &v,
                        const kernels::Parallel &parallel) const {
  const int64_t tokens = format_.tokens, k_stride = sdk::stride_of(k, 2), v_stride = sdk::stride_of(v, 2);
  for (const Piece &piece : row(number).pieces) {
    const int64_t count = piece.blocks(tokens);
    const std::byte *data = piece.chunk->read(piece.block, piece.block + count);
    for_all(parallel, count, heads_, [&](int64_t i, int64_t head) {
      const std::byte *block = data + head * piece.chunk->head_stride() + (piece.block + i) * format_.bytes;
      const int64_t n = std::min(tokens, piece.tokens - i * tokens), column = piece.column + i * tokens;
      quant::dequantize_keys(format_, block, 0, n, true, token_of(k, number, head, column), type_, k_stride);
      quant::dequantize_values(format_, block, 0, n, true, token_of(v, number, head, column), type_,
                               v_stride);
    });
  }
}

namespace {

/// Every chunk once, with the blocks of it that some row has.
template <class Visit>
void visit_chunks(const std::vector<const PackedRow *> &rows, int64_t block_tokens, Visit visit) {
  struct Share {
    const Chunk *chunk;
    int64_t used;
  };
  std::vector<Share> shares;
  for (const PackedRow *row : rows) {
    for (const Piece &piece : row->pieces) {
      shares.push_back({piece.chunk.get(), piece.block + piece.blocks(block_tokens)});
    }
    if (row->open) shares.push_back({row->open.get(), 0});
    if (row->reserve) shares.push_back({row->reserve.get(), 0});
  }
  std::sort(shares.begin(), shares.end(), [](const Share &a, const Share &b) {
    return a.chunk != b.chunk ? a.chunk < b.chunk : a.used > b.used;
  });
  const Chunk *last = nullptr;
  for (const Share &share : shares) {
    if (share.chunk != last) visit(*share.chunk, share.used);
    last = share.chunk;
  }
}

std::vector<const PackedRow *> pointers(const std::vector<PackedRow> &rows) {
  std::vector<const PackedRow *> pointers;
  for (const PackedRow &row : rows) pointers.push_back(&row);
  return pointers;
}

}  // namespace

void PackedRows::count() const {
  if (counted_) return;
  bytes_ = bytes_used_ = 0;
  visit_chunks(pointers(rows_), format_.tokens, [&](const Chunk &chunk, int64_t used) {
    bytes_ += chunk.buffer.bytes();
    bytes_used_ += used * chunk.heads * chunk.block_bytes;
  });
  counted_ = true;
}

int64_t PackedRows::bytes() const {
  count();
  return bytes_;
}

int64_t PackedRows::bytes_used() const {
  count();
  return bytes_used_;
}

}  // namespace kvern::quantized
