// Slots in a saved cache: linear rows as two numbers each, others as tables. Included by slots.hpp.
#pragma once
#include <kvern/sdk/slots.hpp>

KVERN_SDK_BEGIN

inline void Slots::save(Writer &out) const {
  out.number(rows());
  out.number(held_);
  out.number(int64_t{linear_});
  const int64_t count = rows();
  out.bytes(first_.data(), count * 8);
  out.bytes(next_.data(), count * 8);
  for (int64_t row = 0; row < count && !linear_; ++row) out.bytes(table_.data() + row * stride_, held_ * 8);
}

inline void Slots::load(Reader &in) {
  const int64_t count = in.integer("rows", 0, kMaxRows);
  const int64_t held = in.integer("slots", count > 0, count > 0 ? kFar : 0);
  linear_ = in.integer("linear", 0, 1) != 0;
  first_ = in.integers(count);
  next_ = in.integers(count);
  stride_ = linear_ ? 0 : held;
  table_.clear();
  for (int64_t row = 0; row < count && !linear_; ++row) {
    const std::vector<int64_t> positions = in.integers(held);
    table_.insert(table_.end(), positions.begin(), positions.end());
  }
  held_ = held;
  for (int64_t row = 0; row < count; ++row) check_loaded(row);
  if (count == 0) clear();
}

inline void Slots::check_loaded(int64_t row) const {
  const auto bad = [&] { fail(KVERN_BAD_DATA, "the saved cache has impossible positions in row ", row); };
  if (next_[row] < -kFar || next_[row] > kFar || first_[row] < -kFar || first_[row] > kFar) bad();
  if (linear_ && next_[row] != first_[row] + held_) bad();
  int64_t last = -1;
  for (int64_t slot = 0; slot < held_ && !linear_; ++slot) {
    const int64_t position = table_[row * stride_ + slot];
    if (position < -kFar || (position >= 0 && (position >= next_[row] || position <= last))) bad();
    last = std::max(last, position);
  }
}

KVERN_SDK_END
