#include "plugins/sink/absolute.hpp"

namespace kvern::sink {

AbsolutePlan plan_absolute_positions(const Settings &settings, const sdk::Slots &slots,
                                     const sdk::Step &step) {
  AbsolutePlan plan;
  plan.key_by = committed_rotation(settings, slots, step, [&](int64_t row) { return step.row_new[row]; });
  const int64_t recent = settings.window_length - settings.num_sink_tokens;
  for (int64_t row = 0; row < step.rows; ++row) {
    const int64_t last = step.row_pos[row] + step.row_new[row] - 1;
    int64_t column = 0;
    for (int64_t slot = 0; slot < slots.size(); ++slot) {
      const int64_t key = slots.position(row, slot);
      const bool seen = key >= 0 && (key < settings.num_sink_tokens || key > last - recent);
      plan.columns.push_back(seen ? column++ : -1);
    }
  }
  return plan;
}

}  // namespace kvern::sink
