// The decay of each token, and the distribution of rows and heads over threads.
#include "kernels/ssd_scan.hpp"

#include <algorithm>

#include "kernels/head_gates.hpp"
#include "kernels/scratch.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {
namespace {

void scan_head(const SsdScanCall &c, int64_t row, int64_t head) {
  const int64_t n = c.tokens.n_new;
  float *steps = thread_scratch(ScratchUser::recurrence, 2 * n), *decays = steps + n;
  for (int64_t t = 0; t < n; ++t) {
    if (!c.tokens.computes(row, t)) continue;
    const float step = softplus(c.dt[c.tokens.token(row, t) * c.dt_stride + head] + c.dt_bias[head]);
    steps[t] = std::min(std::max(step, c.dt_min), c.dt_max);
    decays[t] = std::exp(c.a[head] * steps[t]);
  }
  kernel_table().ssd_scan_head(c, row, head, steps, decays);
}

}  // namespace

void ssd_scan(const SsdScanCall &c, const Parallel &parallel) {
  constexpr int64_t kGrainElements = 1 << 14;  // states below which a task is not worth a thread
  const auto body = [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) scan_head(c, task / c.heads, task % c.heads);
  };
  const int64_t tasks = c.tokens.rows * c.heads,
                elements = std::max<int64_t>(c.head_dim * c.states * c.tokens.n_new, 1);
  const int64_t grain = std::max<int64_t>(kGrainElements / elements, 1);
  if (tasks <= grain) return body(0, tasks);
  parallel_for(parallel, tasks, grain, body);
}

}  // namespace kvern::kernels
