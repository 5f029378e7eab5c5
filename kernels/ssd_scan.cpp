// The decay of each token.
#include "kernels/ssd_scan.hpp"

#include <algorithm>

#include "kernels/head_gates.hpp"
#include "kernels/recurrence_tasks.hpp"
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
  for_row_parts(c.tokens, c.heads, c.head_dim * c.states, kGrainElements, parallel,
                [&](int64_t row, int64_t head) { scan_head(c, row, head); });
}

}  // namespace kvern::kernels
