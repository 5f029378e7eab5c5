// What a logits processor knows of each row, kept from step to step: every id is looked at once.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace kvern {

/// State: copied with a row, so it should be flat; add(id) is told of each id once, in order; truncate(length) forgets those from
/// that length on.
template <class State>
class RowStates {
 public:
  explicit RowStates(State empty = {}) : empty_(std::move(empty)) {}

  /// The state of a row of `rows`, told of all of `ids`.
  State &of(int64_t row, int64_t rows, std::span<const int64_t> ids) {
    rows_.resize(static_cast<size_t>(rows), {empty_, 0, kUnknown});
    Row &r = rows_[static_cast<size_t>(row)];
    // without truncate() the ids have been exchanged: rows that differ from those before
    const bool exchanged =
        r.length > ids.size() || (r.length > 0 && r.last >= 0 && ids[r.length - 1] != r.last);
    if (exchanged) r = {empty_, 0, kUnknown};
    for (; r.length < ids.size(); ++r.length) r.state.add(ids[r.length]);
    if (!ids.empty()) r.last = ids.back();
    return r.state;
  }

  void reorder(const std::vector<int64_t> &index) {
    if (rows_.empty()) return;
    std::vector<int64_t> uses(rows_.size(), 0);
    for (const int64_t i : index) ++uses[static_cast<size_t>(i)];
    std::vector<Row> rows;
    rows.reserve(index.size());
    for (const int64_t i : index) {
      Row &from = rows_[static_cast<size_t>(i)];
      --uses[static_cast<size_t>(i)] == 0 ? rows.push_back(std::move(from)) : rows.push_back(from);
    }
    rows_ = std::move(rows);
  }

  /// The next ids may differ from those before from this length on.
  void truncate(int64_t length) {
    for (Row &r : rows_) {
      if (r.length <= static_cast<size_t>(length)) continue;
      r.length = static_cast<size_t>(length);
      r.state.truncate(r.length);
      r.last = kUnknown;
    }
  }

 private:
  static constexpr int64_t kUnknown = -1;
  struct Row {
    State state;
    size_t length;
    int64_t last;  ///< the id at length - 1
  };
  State empty_;
  std::vector<Row> rows_;
};

}  // namespace kvern
