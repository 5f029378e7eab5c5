#include "plugins/sink/places.hpp"

#include <set>

namespace kvern::sink {
namespace {

int64_t last_query(const sdk::Step &step, int64_t row) { return step.row_pos[row] + step.row_new[row] - 1; }

/// Bases of the recent keys that queries of the step see.
std::set<int64_t> bases_of(const WindowPlaces &places, const sdk::Step &step) {
  std::set<int64_t> bases;
  for (int64_t row = 0; row < step.rows; ++row) {
    const int64_t last = std::max<int64_t>(0, last_query(step, row));
    const int64_t first = std::clamp<int64_t>(step.row_pos[row] - places.recent() + 1, 0, last);
    for (int64_t base = places.base(first); base <= places.base(last); base = places.next_base(base))
      bases.insert(base);
  }
  return bases;
}

/// The keys for which in_group(key, first query of the row), in the fewest slots; end = begin: none.
template <class InGroup>
KeyGroup collect(const sdk::Slots &slots, const sdk::Step &step, InGroup in_group) {
  KeyGroup group{slots.size(), 0, false, false, {}, {}};
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t slot = 0; slot < slots.size(); ++slot) {
      if (!in_group(slots.position(row, slot), step.row_pos[row])) continue;
      group.begin = std::min(group.begin, slot);
      group.end = std::max(group.end, slot + 1);
    }
  }
  group.begin = std::min(group.begin, group.end);
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t slot = group.begin; slot < group.end; ++slot) {
      const int64_t key = slots.position(row, slot);
      group.key_pos.push_back(in_group(key, step.row_pos[row]) ? key : -1);
    }
  }
  return group;
}

template <class By>
void rotate_queries(const sdk::Step &step, KeyGroup &group, By by) {
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t i = 0; i < step.n_new; ++i) {
      const int64_t query = step.row_pos[row] + i;
      group.query_by.push_back(query < 0 ? 0 : by(query));
      group.rotates |= group.query_by.back() != 0;
    }
  }
}

}  // namespace

std::vector<KeyGroup> groups_of(const WindowPlaces &places, const sdk::Slots &slots, const sdk::Step &step) {
  std::vector<KeyGroup> groups;
  KeyGroup sinks = collect(slots, step, [&](int64_t key, int64_t) { return places.is_sink(key); });
  sinks.sinks = true;
  rotate_queries(step, sinks, [&](int64_t query) { return places.base(query) - places.dropped(query); });
  if (sinks.end > sinks.begin) groups.push_back(std::move(sinks));
  for (const int64_t base : bases_of(places, step)) {
    KeyGroup recent = collect(slots, step, [&](int64_t key, int64_t query) {
      return places.is_recent(key, query) && places.base(key) == base;
    });
    rotate_queries(step, recent, [&](int64_t query) { return places.base(query) - base; });
    if (recent.end > recent.begin) groups.push_back(std::move(recent));
  }
  return groups;
}

}  // namespace kvern::sink
