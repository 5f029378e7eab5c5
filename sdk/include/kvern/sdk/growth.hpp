// Reserving memory in all layers or in none (rule 3.1 of docs/abi.md), and how far it grows. For every cache that holds more
// than one buffer, also one that is written by verb.
#pragma once
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <kvern/sdk/namespace.hpp>
#include <optional>
#include <vector>

KVERN_SDK_BEGIN

/// Calls reserve(part, i) for every part. If one throws, undo(part, i) is called for the parts before it, in reverse order, and
/// the exception goes on: `reserve` has no effect on its own part if it throws, `undo` does not throw. Parts of a vector of
/// optionals that are empty are skipped.
///
///   reserve_all(layers_, [&](DenseLayer &layer, std::size_t) { layer.resize(wanted, used); },
///               [&](DenseLayer &layer, std::size_t) { layer.restore(before, used); });
template <class Part, class Reserve, class Undo>
void reserve_all(std::vector<Part> &parts, Reserve reserve, Undo undo) {
  std::size_t i = 0;
  try {
    for (; i < parts.size(); ++i) reserve(parts[i], i);
  } catch (...) {
    while (i-- > 0) undo(parts[i], i);
    throw;
  }
}
template <class Part, class Reserve, class Undo>
void reserve_all(std::vector<std::optional<Part>> &parts, Reserve reserve, Undo undo) {
  const auto present = [](auto call) {
    return [call](std::optional<Part> &part, std::size_t i) {
      if (part) call(*part, i);
    };
  };
  reserve_all<std::optional<Part>>(parts, present(reserve), present(undo));
}

/// How many slots are allocated where more are needed.
struct GrowthPolicy {
  int64_t capacity = -1;       ///< maximum number of slots of a row; -1 = no limit
  bool preallocate = false;    ///< allocate the capacity at once and keep it on reset: addresses stay
  int64_t expected_slots = 0;  ///< hint: slots that probably suffice; 0 = unknown
  bool no_growth = false;      ///< allocate exactly what a step needs

  /// Half as much again in multiples of 64 slots, but not beyond expected_slots while those suffice, nor beyond the capacity or
  /// `limit` (-1: none).
  int64_t grown(int64_t need, int64_t before, int64_t limit = -1) const {
    if (preallocate) return capacity;
    if (no_growth) return need;
    int64_t slots = std::max(need + need / 8, before + before / 2);
    slots = (slots + 63) / 64 * 64;
    if (expected_slots >= need) slots = std::min(slots, expected_slots);
    if (capacity >= 0) slots = std::min(slots, capacity);
    if (limit >= need) slots = std::min(slots, limit);
    return slots;
  }
};

KVERN_SDK_END
