// Reference implementation of delta_rule.hpp, scalar, in double precision.
#include <cmath>
#include <vector>

#include "kernels/delta_rule.hpp"
#include "kernels/recurrence_reference.hpp"

namespace kvern::kernels {
namespace {

/// column [key_dim]: one value channel of the matrix.
double token_output(const DeltaRuleCall &c, int64_t token, int64_t head, int64_t channel,
                    std::vector<double> &column) {
  const double dt = static_cast<double>(c.dt[token * c.dt_stride + head]) + c.dt_bias[head];
  const double decay = std::exp(c.a[head] * (dt > 30.0 ? dt : std::log1p(std::exp(dt))));
  const double beta = 1.0 / (1.0 + std::exp(-static_cast<double>(c.b[token * c.b_stride + head])));
  const int64_t key = head / (c.value_heads / c.key_heads) * c.key_dim;
  const float *q = c.q + token * c.q_stride + key, *k = c.k + token * c.k_stride + key;
  double found = 0.0, out = 0.0;
  for (int64_t s = 0; s < c.key_dim; ++s) found += (column[s] *= decay) * k[s] * c.k_scale;
  const double delta = beta * (c.v[token * c.v_stride + head * c.value_dim + channel] - found);
  for (int64_t s = 0; s < c.key_dim; ++s) out += (column[s] += k[s] * c.k_scale * delta) * q[s];
  return out * c.q_scale;
}

void run_channel(const DeltaRuleCall &c, int64_t row, int64_t head, int64_t channel) {
  const StateChannel state{c.value_heads * c.key_dim * c.value_dim, head * c.key_dim * c.value_dim + channel,
                           c.value_dim, c.key_dim};
  run_channel_reference(c.tokens, row, state, c.out + head * c.value_dim + channel, c.out_stride,
                        [&](int64_t token, std::vector<double> &column) {
                          return token_output(c, token, head, channel, column);
                        });
}

}  // namespace

void delta_rule_reference(const DeltaRuleCall &c) {
  for (int64_t row = 0; row < c.tokens.rows; ++row)
    for (int64_t head = 0; head < c.value_heads; ++head)
      for (int64_t channel = 0; channel < c.value_dim; ++channel) run_channel(c, row, head, channel);
}

}  // namespace kvern::kernels
