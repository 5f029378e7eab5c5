// What kernels of recurrent states have in common: which tokens of each row are computed, and where its state is. A step
// reads one memory and writes another, so that it can be undone.
#pragma once
#include <cstdint>

namespace kvern::kernels {

/// The tokens of row r are n_new consecutive rows of memory, of which [begin[r], end[r]) are computed. Those before are
/// padding, those behind filler: they leave the state as it is, and their output is 0.
struct Recurrence {
  int64_t rows = 0, n_new = 0;
  const int64_t *begin = nullptr, *end = nullptr;  ///< [rows], 0 <= begin <= end <= n_new
  const float *state = nullptr;                    ///< [rows, size of a state], before the step
  float *new_state =
      nullptr;  ///< of the same shape, after the step, or by token [rows, n_new, size of a state]
  bool by_token = false;

  bool computes(int64_t row, int64_t t) const { return t >= begin[row] && t < end[row]; }
  int64_t token(int64_t row, int64_t t) const { return row * n_new + t; }
};

}  // namespace kvern::kernels
