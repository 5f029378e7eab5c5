// Decay and beta of each token, and the distribution of rows and heads over threads.
#include "kernels/delta_rule.hpp"

#include <algorithm>

#include "kernels/head_gates.hpp"
#include "kernels/scratch.hpp"
#include "kernels/simd/kernel_table.hpp"

namespace kvern::kernels {
namespace {

void run_head(const DeltaRuleCall &c, int64_t row, int64_t head) {
  const int64_t n = c.tokens.n_new;
  float *betas = thread_scratch(ScratchUser::recurrence, 2 * n), *decays = betas + n;
  for (int64_t t = 0; t < n; ++t) {
    if (!c.tokens.computes(row, t)) continue;
    const int64_t token = c.tokens.token(row, t);
    betas[t] = sigmoid(c.b[token * c.b_stride + head]);
    decays[t] = std::exp(c.a[head] * softplus(c.dt[token * c.dt_stride + head] + c.dt_bias[head]));
  }
  kernel_table().delta_rule_head(c, row, head, betas, decays);
}

}  // namespace

void delta_rule(const DeltaRuleCall &c, const Parallel &parallel) {
  constexpr int64_t kGrainElements = 1 << 14;  // states below which a task is not worth a thread
  const auto body = [&](int64_t begin, int64_t end) {
    for (int64_t task = begin; task < end; ++task) run_head(c, task / c.value_heads, task % c.value_heads);
  };
  const int64_t tasks = c.tokens.rows * c.value_heads,
                elements = std::max<int64_t>(c.key_dim * c.value_dim * c.tokens.n_new, 1);
  const int64_t grain = std::max<int64_t>(kGrainElements / elements, 1);
  if (tasks <= grain) return body(0, tasks);
  parallel_for(parallel, tasks, grain, body);
}

}  // namespace kvern::kernels
