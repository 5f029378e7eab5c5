// The retention of attention sinks (StreamingLLM, Xiao et al. 2023): the first tokens of a row and the most recent ones.
#pragma once
#include <algorithm>
#include <kvern/sdk/slots.hpp>

KVERN_SDK_BEGIN

/// A query sees itself, the `length` - `sinks` - 1 positions before it and the positions below `sinks`. Positions are those of
/// the text; a cache that counts inside the window (as the paper) maps them in its view.
struct Sinks {
  static constexpr bool drops = true;

  int64_t length = 2, sinks = 1;  ///< window_length and num_sink_tokens; 0 <= sinks < length

  bool operator==(const Sinks &) const = default;

  int64_t slack() const { return std::clamp<int64_t>(length / 4, 16, 256); }

  int64_t limit(const Slots &slots, const Step &step) const {
    int64_t leading = 0;
    for (int64_t row = 0; row < step.rows; ++row) {
      const int64_t next = slots.held() > 0 ? slots.next(row) : step.row_pos[row];
      leading = std::max(leading, next < sinks ? slots.held() + sinks - next : sink_slots(slots, row));
    }
    return leading + kept_recent() + 2 * slack();
  }

  SlotRange droppable(const Slots &slots) const {
    const int64_t begin = sink_slots(slots), count = masked(slots, begin);
    return {begin, count < slack() ? 0 : count};
  }

  int64_t first_visible(const Slots &) const { return 0; }
  bool masks(const Slots &slots) const { return slots.held() >= length; }
  bool sees(int64_t position, int64_t query) const {
    return position < sinks || position > query - (length - sinks);
  }

  /// A row from which tokens were dropped must keep the recent positions that its next query sees.
  int64_t rollback(const Slots &slots) const {
    int64_t min = -1;
    for (int64_t row = 0; row < slots.rows(); ++row) {
      const int64_t first = first_recent(slots, row);
      if (first <= sinks) continue;
      const int64_t back = std::max<int64_t>(0, slots.next(row) - first - kept_recent() + 1);
      min = min < 0 ? back : std::min(min, back);
    }
    return min;
  }

 private:
  /// One recent token at least stays in each row: its position is where the row continues.
  int64_t kept_recent() const { return std::max<int64_t>(length - sinks, 2); }

  /// Leading slots in which a row has padding or a sink.
  int64_t sink_slots(const Slots &slots, int64_t row) const {
    int64_t slot = 0;
    while (slot < slots.held() && slots.position(row, slot) < sinks) ++slot;
    return slot;
  }
  int64_t sink_slots(const Slots &slots) const {
    int64_t end = 0;
    for (int64_t row = 0; row < slots.rows(); ++row) end = std::max(end, sink_slots(slots, row));
    return end;
  }
  /// Slots from `begin` on that no later query sees.
  int64_t masked(const Slots &slots, int64_t begin) const {
    int64_t slot = begin;
    while (slot < slots.held() && masked_everywhere(slots, slot)) ++slot;
    return slot - begin;
  }
  bool masked_everywhere(const Slots &slots, int64_t slot) const {
    for (int64_t row = 0; row < slots.rows(); ++row) {
      const int64_t position = slots.position(row, slot);
      if (position >= 0 && position > slots.next(row) - kept_recent()) return false;
    }
    return true;
  }

  /// The first of the positions that a row holds without a gap up to its last one.
  static int64_t first_recent(const Slots &slots, int64_t row) {
    if (slots.linear()) return std::max<int64_t>(0, slots.position(row, 0));
    int64_t first = slots.next(row);
    for (int64_t slot = slots.held() - 1; slot >= 0; --slot) {
      const int64_t position = slots.position(row, slot);
      if (position >= 0 && position != first - 1) break;
      if (position >= 0) first = position;
    }
    return first;
  }
};

KVERN_SDK_END
