// Reference implementation of delta_rule.hpp, scalar, in double precision.
#include <cmath>
#include <vector>

#include "kernels/delta_rule.hpp"

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
  const Recurrence &r = c.tokens;
  const int64_t size = c.value_heads * c.key_dim * c.value_dim;
  const auto at = [&](int64_t state, int64_t s) {
    return state * size + (head * c.key_dim + s) * c.value_dim + channel;
  };
  std::vector<double> column;
  for (int64_t s = 0; s < c.key_dim; ++s) column.push_back(r.state[at(row, s)]);
  const auto store = [&](int64_t state) {
    for (int64_t s = 0; s < c.key_dim; ++s) r.new_state[at(state, s)] = static_cast<float>(column[s]);
  };
  for (int64_t t = 0; t < r.n_new; ++t) {
    const int64_t token = r.token(row, t);
    const double out = r.computes(row, t) ? token_output(c, token, head, channel, column) : 0.0;
    c.out[token * c.out_stride + head * c.value_dim + channel] = static_cast<float>(out);
    if (r.by_token) store(token);
  }
  if (!r.by_token) store(row);
}

}  // namespace

void delta_rule_reference(const DeltaRuleCall &c) {
  for (int64_t row = 0; row < c.tokens.rows; ++row)
    for (int64_t head = 0; head < c.value_heads; ++head)
      for (int64_t channel = 0; channel < c.value_dim; ++channel) run_channel(c, row, head, channel);
}

}  // namespace kvern::kernels
