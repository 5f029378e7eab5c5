// How kernels of recurrent states share their work among threads.
#pragma once
#include <algorithm>

#include "kernels/parallel.hpp"
#include "kernels/recurrence.hpp"

namespace kvern::kernels {

/// body(row, part) for each row and each of its `parts`. An element is one of a state for one token; tasks of fewer than
/// `grain_elements` run together, all of them on this thread if they are no more. Exceptions must not leave body.
template <class Body>
void for_row_parts(const Recurrence &tokens, int64_t parts, int64_t part_elements, int64_t grain_elements,
                   const Parallel &parallel, Body &&body) {
  const auto tasks = [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) body(task / parts, task % parts);
  };
  const int64_t n = tokens.rows * parts, elements = std::max<int64_t>(part_elements * tokens.n_new, 1);
  const int64_t grain = std::max<int64_t>(grain_elements / elements, 1);
  if (n <= grain) return tasks(0, n);
  parallel_for(parallel, n, grain, tasks);
}

/// The same by blocks of channels: body(row, first, last).
template <class Body>
void for_channel_blocks(const Recurrence &tokens, int64_t channels, int64_t block, int64_t channel_elements,
                        int64_t grain_elements, const Parallel &parallel, Body &&body) {
  for_row_parts(
      tokens, (channels + block - 1) / block, block * channel_elements, grain_elements, parallel,
      [&](int64_t row, int64_t part) { body(row, part * block, std::min((part + 1) * block, channels)); });
}

}  // namespace kvern::kernels
