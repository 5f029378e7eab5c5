// The retention of sliding window attention (Beltagy et al. 2020): a query sees itself and the `length` - 1 positions before it.
#pragma once
#include <algorithm>
#include <kvern/sdk/layers.hpp>
#include <kvern/sdk/slots.hpp>

KVERN_SDK_BEGIN

/// Older tokens are dropped in batches of `slack` slots, so that moving the rest costs little per token; rows of different
/// lengths keep what the shortest one still sees.
struct Window {
  static constexpr bool drops = true;

  int64_t length = 1;  ///< 1 or more, transformers' `sliding_window`

  /// What the queries of a layer see: all tokens, where it has no window.
  static Window of(const Layer &layer) { return {layer.window > 0 ? layer.window : int64_t{1} << 62}; }

  bool operator==(const Window &) const = default;

  int64_t slack() const { return std::clamp<int64_t>(length / 4, 16, 256); }
  int64_t limit(const Slots &, const Step &) const { return seen_before(kept_length()) + 2 * slack(); }

  SlotRange droppable(const Slots &slots) const {
    const int64_t count = masked(slots, kept_length());
    return {0, count < slack() ? 0 : count};
  }

  int64_t first_visible(const Slots &slots) const { return masked(slots, length); }

  /// A row from which tokens were dropped must keep the positions that its next query sees.
  int64_t rollback(const Slots &slots) const {
    int64_t min = -1;
    for (int64_t row = 0; row < slots.rows(); ++row) {
      const int64_t first = first_position(slots, row);
      if (first <= 0) continue;
      const int64_t back = std::max<int64_t>(0, slots.next(row) - first - seen_before(kept_length()));
      min = min < 0 ? back : std::min(min, back);
    }
    return min;
  }

 private:
  /// One token at least stays in each row: its position is where the row continues.
  int64_t kept_length() const { return std::max<int64_t>(length, 2); }
  static int64_t seen_before(int64_t length) { return length - 1; }

  /// Leading slots that no query from each row's next position on sees.
  static int64_t masked(const Slots &slots, int64_t length) {
    if (slots.linear()) return std::max<int64_t>(0, slots.held() - seen_before(length));
    int64_t count = 0;
    while (count < slots.held() && masked_everywhere(slots, count, length)) ++count;
    return count;
  }
  static bool masked_everywhere(const Slots &slots, int64_t slot, int64_t length) {
    for (int64_t row = 0; row < slots.rows(); ++row) {
      const int64_t position = slots.position(row, slot);
      if (position >= 0 && position > slots.next(row) - length) return false;
    }
    return true;
  }

  /// The first position that a row holds; 0 where it holds none.
  static int64_t first_position(const Slots &slots, int64_t row) {
    if (slots.linear()) return std::max<int64_t>(0, slots.position(row, 0));
    for (int64_t slot = 0; slot < slots.held(); ++slot) {
      if (slots.position(row, slot) >= 0) return slots.position(row, slot);
    }
    return 0;
  }
};

KVERN_SDK_END
