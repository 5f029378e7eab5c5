#include "kernels/causal_conv.hpp"

#include "kernels/recurrence_tasks.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {

void causal_conv(const CausalConvCall &c, const Parallel &parallel) {
  constexpr int64_t kBlock = 256;              // channels of a task
  constexpr int64_t kGrainElements = 1 << 14;  // inputs below which a task is not worth a thread
  const KernelTable &ops = kernel_table();
  for_channel_blocks(
      c.tokens, c.channels, kBlock, 1, kGrainElements, parallel,
      [&](int64_t row, int64_t first, int64_t last) { ops.causal_conv_row(c, row, first, last); });
}

}  // namespace kvern::kernels
