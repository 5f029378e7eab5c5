// Rows of slots as lists of blocks that rows and clones share until one of them writes. Neither positions nor the
// contents of a block are known here.
#pragma once
#include <algorithm>
#include <cstdint>
#include <kvern/sdk/namespace.hpp>
#include <memory>
#include <set>
#include <span>
#include <vector>

KVERN_SDK_BEGIN

/// A block is a B for `block_slots` slots of one row, all layers together. Copying this copies no block.
template <class B>
class SharedBlocks {
 public:
  explicit SharedBlocks(int64_t block_slots) : block_slots_(block_slots) {}

  int64_t block_slots() const { return block_slots_; }
  B &at(int64_t row, int64_t slot) { return *rows_[row][slot / block_slots_]; }

  /// The same with room for slots begin .. end - 1 of `rows` rows, in blocks that nobody else sees: make() and copy(block) return
  /// the new ones. Rows beyond those held are empty. Changes nothing here; the result replaces this when nothing can fail any
  /// more.
  template <class Make, class Copy>
  SharedBlocks with_room(int64_t rows, int64_t begin, int64_t end, Make make, Copy copy) const {
    SharedBlocks wider(*this);
    wider.rows_.resize(static_cast<std::size_t>(rows));
    for (Row &row : wider.rows_) {
      for (std::size_t i = begin / block_slots_; i < row.size() && begin < end; ++i) {
        if (row[i].use_count() > 2)
          row[i] = std::make_shared<B>(copy(*row[i]));  // 2: here and in what is held
      }
      while (static_cast<int64_t>(row.size()) * block_slots_ < end)
        row.push_back(std::make_shared<B>(make()));
    }
    return wider;
  }

  /// Row i becomes what row rows[i] was.
  void gather(std::span<const int64_t> rows) {
    std::vector<Row> gathered;
    for (const int64_t row : rows) gathered.push_back(rows_[row]);
    rows_ = std::move(gathered);
  }

  /// Releases the blocks behind so many rows and slots.
  void cut(int64_t rows, int64_t slots) {
    rows_.resize(static_cast<std::size_t>(rows));
    const auto blocks = static_cast<std::size_t>((slots + block_slots_ - 1) / block_slots_);
    for (Row &row : rows_) row.resize(std::min(row.size(), blocks));
  }

  /// Calls visit(block) once for every block, however many rows share it.
  template <class Visit>
  void each(Visit visit) const {
    std::set<const B *> seen;
    for (const Row &row : rows_) {
      for (const auto &block : row) {
        if (seen.insert(block.get()).second) visit(*block);
      }
    }
  }

 private:
  using Row = std::vector<std::shared_ptr<B>>;

  int64_t block_slots_;
  std::vector<Row> rows_;
};

KVERN_SDK_END
