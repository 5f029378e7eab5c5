#include "kernels/selective_scan.hpp"

#include "kernels/recurrence_tasks.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {

void selective_scan(const SelectiveScanCall &c, const Parallel &parallel) {
  constexpr int64_t kBlock = 64;               // channels of a task
  constexpr int64_t kGrainElements = 1 << 13;  // states below which a task is not worth a thread
  const KernelTable &ops = kernel_table();
  for_channel_blocks(
      c.tokens, c.channels, kBlock, c.states, kGrainElements, parallel,
      [&](int64_t row, int64_t first, int64_t last) { ops.selective_scan_row(c, row, first, last); });
}

}  // namespace kvern::kernels
