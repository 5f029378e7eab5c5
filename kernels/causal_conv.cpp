// Distributes rows and channels over threads.
#include "kernels/causal_conv.hpp"

#include <algorithm>

#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {

void causal_conv(const CausalConvCall &c, const Parallel &parallel) {
  constexpr int64_t kBlock = 256;              // channels of a task
  constexpr int64_t kGrainElements = 1 << 14;  // inputs below which a task is not worth a thread
  const KernelTable &ops = kernel_table();
  const int64_t blocks = (c.channels + kBlock - 1) / kBlock;
  const auto body = [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t first = task % blocks * kBlock;
      ops.causal_conv_row(c, task / blocks, first, std::min(first + kBlock, c.channels));
    }
  };
  const int64_t tasks = c.tokens.rows * blocks, inputs = std::max<int64_t>(kBlock * c.tokens.n_new, 1);
  const int64_t grain = std::max<int64_t>(kGrainElements / inputs, 1);
  if (tasks <= grain) return body(0, tasks);
  parallel_for(parallel, tasks, grain, body);
}

}  // namespace kvern::kernels
