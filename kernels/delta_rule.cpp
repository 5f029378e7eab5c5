// Decay and beta of each token.
#include "kernels/delta_rule.hpp"

#include "kernels/head_gates.hpp"
#include "kernels/recurrence_tasks.hpp"
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
  for_row_parts(c.tokens, c.value_heads, c.key_dim * c.value_dim, kGrainElements, parallel,
                [&](int64_t row, int64_t head) { run_head(c, row, head); });
}

}  // namespace kvern::kernels
