// Positions of transformers 4.47's SinkCache: tokens are rotated to their positions in the text; an update of n tokens that
// makes the cache full, or finds it full, rotates the recent keys back by n first. The first update keeps and sees everything.
#pragma once
#include <kvern/sdk/slots.hpp>

#include "plugins/sink/settings.hpp"

namespace kvern::sink {

/// Whether a step that keeps `count` tokens of a row rotates the row's recent keys.
inline bool shifts(const sdk::Step &step, int64_t held, int64_t row, int64_t count, int64_t window) {
  return held > 0 && count > 0 && step.row_pos[row] + count >= window;
}

struct AbsolutePlan {
  std::vector<int64_t> columns;  ///< [rows, slots] number of a key among those that are seen; -1: not seen
  std::vector<int64_t> key_by;   ///< [rows, slots] positions by which it is rotated in this step
};

/// Of a step in which some row shifts.
AbsolutePlan plan_absolute_positions(const Settings &settings, const sdk::Slots &slots,
                                     const sdk::Step &step);

/// Positions by which stored keys are rotated for good if the step keeps keep(row) tokens, [rows, slots].
template <class Keep>
std::vector<int64_t> committed_rotation(const Settings &settings, const sdk::Slots &slots,
                                        const sdk::Step &step, Keep keep) {
  std::vector<int64_t> by;
  for (int64_t row = 0; row < step.rows; ++row) {
    const int64_t count = std::min<int64_t>(keep(row), step.row_new[row]);
    const bool shifted = shifts(step, slots.held(), row, count, settings.window_length);
    for (int64_t slot = 0; slot < slots.size(); ++slot) {
      const bool recent = slot < slots.held() && slots.position(row, slot) >= settings.num_sink_tokens;
      by.push_back(shifted && recent ? -count : 0);
    }
  }
  return by;
}

}  // namespace kvern::sink
