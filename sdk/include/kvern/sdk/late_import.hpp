// Steps that bring only the last tokens of a layer, since the others are padding or beyond its window.
#pragma once
#include <kvern/sdk/layers.hpp>
#include <kvern/sdk/step.hpp>

KVERN_SDK_BEGIN

/// Number of the step's leading columns without keys for this layer, `given` being those with keys: the cache makes them finite
/// and stores the given ones behind them. INVALID_ARGUMENT if a row still needs a position that is missing.
inline int64_t missing_columns(const Step &step, int number, const Layer &layer, int64_t given) {
  const int64_t missing = step.n_new - given, window = layer.window;
  for (int64_t row = 0; row < step.rows && missing > 0; ++row) {
    const int64_t last = step.row_pos[row] + step.row_new[row] - 1;
    const int64_t latest = step.row_pos[row] + std::min(missing, step.row_new[row]) - 1;
    if (latest < 0 || step.row_new[row] == 0 || (window > 0 && latest <= last - window + 1)) continue;
    fail(KVERN_INVALID_ARGUMENT, "layer ", number, " is given ", given, " keys of ", step.n_new, ", but row ",
         row, " still needs position ", latest);
  }
  return missing;
}

KVERN_SDK_END
