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

int64_t PackedRows::min_begin() const {
  int64_t min = rows_.empty() ? 0 : rows_[0].begin;
  for (const RowBlocks &row : rows_) min = std::min(min, row.begin);
  return min;
}

int64_t PackedRows::min_end() const {
  int64_t min = rows_.empty() ? 0 : rows_[0].end;
  for (const RowBlocks &row : rows_) min = std::min(min, row.end);
  return min;
}

bool PackedRows::empty() const {
  return std::all_of(rows_.begin(), rows_.end(), [](const RowBlocks &row) { return row.spans.empty(); });
}

SlabPtr PackedRows::slab(int64_t blocks) const {
  return std::make_shared<Slab>(host_, layer_, heads_, blocks, format_.bytes);
}

void PackedRows::reserve(int64_t number, int64_t blocks) {
  RowBlocks &row = rows_[static_cast<std::size_t>(number)];
  const int64_t free = row.open ? row.open->blocks - row.open->used : 0;
  row.spans.reserve(row.spans.size() + 2);
  if (blocks <= free) return;
  counted_ = false;
  const int64_t before = (row.end - row.begin) / format_.tokens;
  row.reserve = slab(std::max(blocks - free, std::clamp<int64_t>(before, 1, kMostBlocksAhead)));
}

void PackedRows::drop_reserves() {
  for (RowBlocks &row : rows_) {
    if (row.reserve) counted_ = false;
    row.reserve.reset();
  }
}

/// Blocks of one row that are to be written into one slab.
class Packing {
 public:
  explicit Packing(PackedRows &rows) : rows_(rows) {}

  void take(RowBlocks &row, int64_t number, int64_t blocks, int64_t base) {
    const int64_t tokens = rows_.format_.tokens;
    while (blocks > 0) {
      if (!row.open || row.open->used == row.open->blocks) row.open = std::move(row.reserve);
      Slab &slab = *row.open;
      const int64_t count = std::min(blocks, slab.blocks - slab.used);
      std::byte *data = slab.fill(slab.used, slab.used + count);
      for (int64_t i = 0; i < count; ++i) {
        tasks_.push_back({data + (slab.used + i) * slab.block_bytes, slab.head_stride(), number,
                          row.end - base + i * tokens});
      }
      extend(row, count * tokens);
      slab.used += count;
      row.end += count * tokens;
      blocks -= count;
    }
  }

  void write(const DenseSource &from, const kernels::Parallel &parallel) const {
    const int64_t k_stride = sdk::stride_of(from.k, 2), v_stride = sdk::stride_of(from.v, 2);
    const bool in_keys = rows_.format_.values_in_keys;
    for_all(parallel, static_cast<int64_t>(tasks_.size()), rows_.heads_, [&](int64_t i, int64_t head) {
      const Task &task = tasks_[static_cast<std::size_t>(i)];
      std::byte *block = task.block + head * task.head_stride;
      const quant::HeadView k{token_of(from.k, task.row, head, task.slot), rows_.type_, k_stride};
      quant::quantize_keys(rows_.format_, k, rows_.format_.tokens, rows_.search_, block);
      if (in_keys) return;
      const quant::HeadView v{token_of(from.v, task.row, head, task.slot), rows_.type_, v_stride};
      quant::quantize_values(rows_.format_, v, rows_.format_.tokens, rows_.search_, block);
    });
  }

 private:
  struct Task {
    std::byte *block;  // of head 0
    int64_t head_stride, row, slot;
  };

  /// The span that the new blocks of the row's open slab belong to.
  void extend(RowBlocks &row, int64_t tokens) {
    const int64_t block_tokens = rows_.format_.tokens;
    if (!row.spans.empty()) {
      BlockSpan &last = row.spans.back();
      const bool follows = last.slab == row.open && last.tokens % block_tokens == 0 &&
                           last.block + last.tokens / block_tokens == row.open->used;
      if (follows) {
        last.tokens += tokens;
        return;
      }
    }
    row.spans.push_back({row.open, row.open->used, row.end, tokens});
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
  for (RowBlocks &row : rows_) cut(row, column);
}

void PackedRows::cut(RowBlocks &row, int64_t column) {
  if (row.end <= column) return;
  counted_ = false;
  row.begin = std::min(row.begin, column);
  row.end = column;
  while (!row.spans.empty() && row.spans.back().column >= column) row.spans.pop_back();
  if (!row.spans.empty()) {
    BlockSpan &last = row.spans.back();
    last.tokens = std::min(last.tokens, column - last.column);
  }
  if (!row.open) return;
  // what nobody has any more can be written again
  int64_t own = 0, used = 0;
  for (const BlockSpan &span : row.spans) {
    if (span.slab != row.open) continue;
    ++own;
    used = std::max(used, span.block + span.blocks(format_.tokens));
  }
  if (row.open.use_count() == own + 1) row.open->used = used;
  if (row.open->used == 0) row.open.reset();
}

void PackedRows::move(int64_t by) {
  for (RowBlocks &row : rows_) {
    row.begin += by;
    row.end += by;
    for (BlockSpan &span : row.spans) span.column += by;
  }
}

void PackedRows::gather(std::span<const int64_t> order) {
  std::vector<RowBlocks> gathered;
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

std::vector<std::span<const BlockSpan>> joined(const RowBlocks &row, int64_t block_tokens) {
  std::vector<std::span<const BlockSpan>> groups;
  std::size_t first = 0;
  for (std::size_t i = 1; i <= row.spans.size(); ++i) {
    if (i < row.spans.size() && row.spans[i - 1].tokens % block_tokens == 0) continue;
    groups.push_back(std::span(row.spans).subspan(first, i - first));
    first = i;
  }
  return groups;
}

int64_t tokens_of(std::span<const BlockSpan> group) { return group.back().end() - group.front().column; }

RowBlocks PackedRows::copy(const RowBlocks &from, int64_t by) const {
  RowBlocks row;
  row.begin = from.begin + by;
  row.end = from.end + by;
  for (const std::span<const BlockSpan> group : joined(from, format_.tokens)) {
    const int64_t tokens = tokens_of(group), blocks = (tokens + format_.tokens - 1) / format_.tokens;
    const SlabPtr to = slab(blocks);
    std::byte *target = to->fill(0, blocks);
    for (const BlockSpan &span : group) {
      const int64_t count = span.blocks(format_.tokens), bytes = format_.bytes;
      const std::byte *source = span.slab->read(span.block, span.block + count);
      for (int64_t head = 0; head < heads_; ++head) {
        std::memcpy(target + head * to->head_stride() + to->used * bytes,
                    source + head * span.slab->head_stride() + span.block * bytes,
                    static_cast<std::size_t>(count * bytes));
      }
      to->used += count;
    }
    row.spans.push_back({to, 0, group.front().column + by, tokens});
  }
  return row;
}

std::vector<RowBlocks> PackedRows::copies(const PackedRows &other, int64_t by) const {
  std::vector<RowBlocks> rows;
  for (const RowBlocks &row : other.rows_) rows.push_back(copy(row, by));
  return rows;
}

void PackedRows::join(std::vector<RowBlocks> rows) {
  counted_ = false;
  for (RowBlocks &row : rows) rows_.push_back(std::move(row));
}

void PackedRows::unpack(int64_t number, const DLTensor &k, const DLTensor &v,
                        const kernels::Parallel &parallel) const {
  const int64_t tokens = format_.tokens, k_stride = sdk::stride_of(k, 2), v_stride = sdk::stride_of(v, 2);
  for (const BlockSpan &span : row(number).spans) {
    const int64_t count = span.blocks(tokens);
    const std::byte *data = span.slab->read(span.block, span.block + count);
    for_all(parallel, count, heads_, [&](int64_t i, int64_t head) {
      const std::byte *block = data + head * span.slab->head_stride() + (span.block + i) * format_.bytes;
      const int64_t n = std::min(tokens, span.tokens - i * tokens), column = span.column + i * tokens;
      quant::dequantize_keys(format_, block, 0, n, true, token_of(k, number, head, column), type_, k_stride);
      if (format_.values_in_keys) return;
      quant::dequantize_values(format_, block, 0, n, true, token_of(v, number, head, column), type_,
                               v_stride);
    });
  }
}

namespace {

/// Every slab once, with the blocks of it that some row has.
template <class Visit>
void visit_slabs(const std::vector<const RowBlocks *> &rows, int64_t block_tokens, Visit visit) {
  struct Share {
    const Slab *slab;
    int64_t used;
  };
  std::vector<Share> shares;
  for (const RowBlocks *row : rows) {
    for (const BlockSpan &span : row->spans) {
      shares.push_back({span.slab.get(), span.block + span.blocks(block_tokens)});
    }
    if (row->open) shares.push_back({row->open.get(), 0});
    if (row->reserve) shares.push_back({row->reserve.get(), 0});
  }
  std::sort(shares.begin(), shares.end(), [](const Share &a, const Share &b) {
    return a.slab != b.slab ? a.slab < b.slab : a.used > b.used;
  });
  const Slab *last = nullptr;
  for (const Share &share : shares) {
    if (share.slab != last) visit(*share.slab, share.used);
    last = share.slab;
  }
}

std::vector<const RowBlocks *> pointers(const std::vector<RowBlocks> &rows) {
  std::vector<const RowBlocks *> pointers;
  for (const RowBlocks &row : rows) pointers.push_back(&row);
  return pointers;
}

}  // namespace

void PackedRows::count() const {
  if (counted_) return;
  bytes_ = bytes_used_ = 0;
  visit_slabs(pointers(rows_), format_.tokens, [&](const Slab &slab, int64_t used) {
    bytes_ += slab.buffer.bytes();
    bytes_used_ += used * slab.heads * slab.block_bytes;
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
