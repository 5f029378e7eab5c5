// Which position is in which slot. A slot is a column shared by all rows of a cache; a negative position is masked: padding, or a
// hole left by rows of different lengths. No keys here.
#pragma once
#include <algorithm>
#include <kvern/sdk/step.hpp>
#include <kvern/sdk/stream.hpp>
#include <span>

KVERN_SDK_BEGIN

/// A range of slots.
struct SlotRange {
  int64_t begin = 0, count = 0;
};

/// Gives left padding, ragged rows, partial ends, truncation, reordering and joining of rows to every cache
/// that keeps its keys by slot. While every row is a run of consecutive positions that ends where the slots
/// end (`linear`) a row costs two integers and a step touches nothing per slot; else there is a table, to which a step adds
/// its own columns only.
///
/// Slots 0 .. held() - 1 are committed; held() .. size() - 1 are those of the open step.
class Slots {
 public:
  int64_t rows() const { return held_ > 0 ? static_cast<int64_t>(next_.size()) : 0; }
  int64_t held() const { return held_; }
  int64_t size() const { return held_ + staged_; }
  bool linear() const { return linear_; }

  /// The position that the next token of a row has.
  int64_t next(int64_t row) const { return next_[row]; }

  int64_t position(int64_t row, int64_t slot) const {
    return linear_ ? first_[row] + slot : table_[row * stride_ + slot];
  }

  /// Positions held by the longest row, padding not counted.
  int64_t tokens() const {
    int64_t max = 0;
    if (held_ > 0) {
      for (int64_t next : next_) max = std::max(max, next);
    }
    return max;
  }

  /// Whether a slot is as far from the end of the text in all rows, padding aside: what one row drops, all drop.
  bool aligned() const {
    if (linear_) return true;
    const auto longest = std::max_element(next_.begin(), next_.end()) - next_.begin();
    for (int64_t slot = 0; slot < held_; ++slot) {
      const int64_t back = next_[longest] - position(longest, slot);
      for (int64_t row = 0; row < rows(); ++row) {
        const int64_t position = this->position(row, slot), expected = next_[row] - back;
        if (position < 0 ? expected >= 0 : position != expected) return false;
      }
    }
    return true;
  }

  /// Slots without a position in any row: what rows of different lengths leave behind.
  int64_t holes() const {
    int64_t count = 0;
    for (int64_t slot = 0; slot < held_ && !linear_; ++slot) count += hidden_everywhere(slot) ? 1 : 0;
    return count;
  }

  /// INVALID_ARGUMENT unless the step continues every row where it ended.
  void check(const Step &step) const {
    if (held_ == 0) return;
    if (step.rows != rows()) {
      fail(KVERN_INVALID_ARGUMENT, "a step of ", step.rows, " rows on a cache that holds ", rows());
    }
    for (int64_t row = 0; row < step.rows; ++row) {
      if (step.row_new[row] == 0 || step.row_pos[row] == next_[row]) continue;
      fail(KVERN_INVALID_ARGUMENT, "row ", row, " continues at position ", step.row_pos[row],
           ", but it ended before ", next_[row]);
    }
  }

  /// Memory for a table of the step's columns, so that a later drop in the middle of linear rows cannot fail.
  void reserve(const Step &step) { reserve_table(step.rows, held_ + step.n_new); }

  /// Adds the columns of a step that check() accepts. Changes nothing if it throws (bad_alloc).
  void open(const Step &step) {
    const bool empty = held_ == 0;
    const bool runs = !step.ragged && (empty || linear_);
    if (!runs || (step.tentative() && step.rows > 1)) reserve_table(step.rows, held_ + step.n_new);
    next_.reserve(static_cast<std::size_t>(step.rows));
    first_.reserve(static_cast<std::size_t>(step.rows));
    if (empty) {
      next_ = step.row_pos;
      first_ = step.row_pos;
      linear_ = true;
    }
    if (!runs) {
      make_table(step.rows);
      for (int64_t row = 0; row < step.rows; ++row) stage_row(step, row);
    }
    staged_ = step.n_new;
  }

  /// Keeps the first keep(row) new tokens of each row and drops the rest of the step's columns.
  template <class Keep>
  void close(const Step &step, Keep keep) {
    const auto kept = [&](int64_t row) { return std::min<int64_t>(keep(row), step.row_new[row]); };
    int64_t max = 0, min = staged_;
    for (int64_t row = 0; row < step.rows; ++row) {
      max = std::max(max, kept(row));
      min = std::min(min, kept(row));
    }
    if (linear_ && min != max) make_table(step.rows);
    for (int64_t row = 0; row < step.rows; ++row) {
      if (!linear_) hide(row, held_ + kept(row), held_ + max);
      next_[row] += kept(row);
    }
    held_ += max;
    staged_ = 0;
    if (held_ == 0) clear();
  }

  /// The same for all rows alike, as end has it, and by row, as end_rows has it.
  void close(const Step &step, int64_t n_keep) {
    close(step, [n_keep](int64_t) { return n_keep; });
  }
  void close(const Step &step, std::span<const int64_t> row_keep) {
    close(step, [row_keep](int64_t row) { return row_keep[row]; });
  }

  void clear() {
    held_ = staged_ = 0;
    linear_ = true;
    first_.clear();
    next_.clear();
  }

  /// Row i becomes what row rows[i] was.
  void gather(std::span<const int64_t> rows) {
    std::vector<int64_t> first, next;
    for (int64_t row : rows) {
      first.push_back(first_[row]);
      next.push_back(next_[row]);
    }
    if (!linear_) {
      std::vector<int64_t> table(rows.size() * static_cast<std::size_t>(stride_), kHole);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        std::copy_n(table_.begin() + rows[i] * stride_, held_,
                    table.begin() + static_cast<int64_t>(i) * stride_);
      }
      table_ = std::move(table);
    }
    first_ = std::move(first);
    next_ = std::move(next);
    find_runs();
  }

  /// Drops in each row the positions row_pos[row] and later.
  void truncate(std::span<const int64_t> row_pos) {
    const int64_t count = rows();
    bool alike = linear_;
    for (int64_t row = 0; row < count; ++row) alike = alike && cut(row, row_pos) == cut(0, row_pos);
    if (alike) {
      const int64_t dropped = count > 0 ? cut(0, row_pos) : 0;
      held_ -= dropped;
      for (int64_t row = 0; row < count; ++row) next_[row] -= dropped;
    } else {
      make_table(count);
      for (int64_t row = 0; row < count; ++row) {
        for (int64_t slot = 0; slot < held_; ++slot) {
          if (table_[row * stride_ + slot] >= row_pos[row]) table_[row * stride_ + slot] = kHole;
        }
        next_[row] = std::min(next_[row], row_pos[row]);
      }
      while (held_ > 0 && hidden_everywhere(held_ - 1)) --held_;
      find_runs();
    }
    if (held_ == 0) clear();
  }

  /// Adds the rows of another table below, both moved right so that they end in the same slot.
  void append(const Slots &other) {
    const int64_t size = std::max(held_, other.held_), above = rows(), below = other.rows();
    const auto movable = [&](const Slots &slots) {
      if (!slots.linear_) return false;
      const int64_t by = size - slots.held_;
      return by == 0 ||
             std::all_of(slots.first_.begin(), slots.first_.end(), [](int64_t first) { return first <= 0; });
    };
    Slots joined;
    joined.held_ = size;
    joined.linear_ = movable(*this) && movable(other);
    joined.stride_ = joined.linear_ ? 0 : size;
    joined.table_.assign(static_cast<std::size_t>((above + below) * joined.stride_), kHole);
    for (const Slots *part : {static_cast<const Slots *>(this), &other}) {
      const int64_t by = size - part->held_;
      for (int64_t row = 0; row < part->rows(); ++row) {
        if (!joined.linear_) {
          int64_t *to = joined.table_.data() + static_cast<int64_t>(joined.next_.size()) * size + by;
          for (int64_t slot = 0; slot < part->held_; ++slot) to[slot] = part->position(row, slot);
        }
        joined.first_.push_back(part->first_[row] - by);
        joined.next_.push_back(part->next_[row]);
      }
    }
    *this = std::move(joined);
  }

  /// Drops slots begin .. begin + count - 1: those behind them move left. Between steps; with begin > 0 a table may be made.
  void drop(int64_t begin, int64_t count) {
    if (begin > 0) make_table(rows());
    held_ -= count;
    for (int64_t &first : first_) first += count;
    if (linear_) return;
    for (int64_t row = 0; row < static_cast<int64_t>(next_.size()); ++row) {
      auto slots = table_.begin() + row * stride_;
      std::copy(slots + begin + count, slots + count + size(), slots + begin);
    }
    find_runs();
  }
  /// Drops the first slots.
  void drop_front(int64_t count) { drop(0, count); }

  /// kv_len, and first_pos or key_pos with row_stride; valid until the slots change.
  void view(kvern_view &view) const {
    view.kv_len = size();
    if (linear_) {
      view.first_pos = first_.data();
    } else {
      view.key_pos = table_.data();
      view.row_stride = stride_;
    }
  }

  void save(Writer &out) const;
  /// Into an empty table; BAD_DATA for what save could not have written. On failure clear() is to follow.
  void load(Reader &in);

 private:
  static constexpr int64_t kHole = -1;
  static constexpr int64_t kMaxRows = int64_t{1} << 16;
  static constexpr int64_t kFar = int64_t{1} << 41;

  void stage_row(const Step &step, int64_t row) {
    int64_t *columns = table_.data() + row * stride_ + held_;
    for (int64_t i = 0; i < step.n_new; ++i)
      columns[i] = i < step.row_new[row] ? step.row_pos[row] + i : kHole;
  }

  void hide(int64_t row, int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) table_[row * stride_ + slot] = kHole;
  }

  /// Number of slots of a linear row at row_pos and later.
  int64_t cut(int64_t row, std::span<const int64_t> row_pos) const {
    return std::clamp<int64_t>(next_[row] - row_pos[row], 0, held_);
  }

  bool hidden_everywhere(int64_t slot) const {
    for (int64_t row = 0; row < static_cast<int64_t>(next_.size()); ++row) {
      if (table_[row * stride_ + slot] >= 0) return false;
    }
    return true;
  }

  /// Reserves a table of so many rows and slots; a reallocated one is half as long again as the old.
  void reserve_table(int64_t rows, int64_t slots) {
    if (!linear_ && slots <= stride_) return;
    if (linear_) {
      if (table_.capacity() < static_cast<std::size_t>(product(rows, slots))) {
        table_.reserve(static_cast<std::size_t>(product(rows, slots + slots / 2)));
      }
      wanted_stride_ = static_cast<int64_t>(table_.capacity()) / rows;
      return;
    }
    const int64_t stride = std::max(slots, stride_ + stride_ / 2);
    std::vector<int64_t> table(static_cast<std::size_t>(product(rows, stride)), kHole);
    for (int64_t row = 0; row < rows; ++row) {
      std::copy_n(table_.begin() + row * stride_, held_, table.begin() + row * stride);
    }
    table_ = std::move(table);
    stride_ = stride;
  }

  /// From linear rows to a table, the open step's columns included.
  void make_table(int64_t rows) {
    if (!linear_) return;
    stride_ = std::max(size(), wanted_stride_);
    table_.assign(static_cast<std::size_t>(rows * stride_), kHole);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t slot = 0; slot < size(); ++slot) table_[row * stride_ + slot] = first_[row] + slot;
    }
    linear_ = false;
  }

  /// Back from a table to linear rows where all rows are runs that end at the last slot.
  void find_runs() {
    if (linear_ || held_ == 0) return;
    for (std::size_t i = 0; i < next_.size(); ++i) {
      const int64_t *row = table_.data() + static_cast<int64_t>(i) * stride_;
      const int64_t first = next_[i] - held_;
      for (int64_t slot = 0; slot < held_; ++slot) {
        const int64_t position = first + slot;
        if (row[slot] != position && (row[slot] >= 0 || position >= 0)) return;
      }
    }
    for (std::size_t i = 0; i < next_.size(); ++i) first_[i] = next_[i] - held_;
    linear_ = true;
    wanted_stride_ = 0;
  }

  void check_loaded(int64_t row) const;

  int64_t held_ = 0, staged_ = 0;
  bool linear_ = true;
  std::vector<int64_t> first_;  // [rows] position of slot 0, while linear
  std::vector<int64_t> next_;   // [rows]
  std::vector<int64_t> table_;  // [rows, stride_], unless linear
  int64_t stride_ = 0;
  int64_t wanted_stride_ = 0;
};

KVERN_SDK_END

#include <kvern/sdk/slots_stream.hpp>
