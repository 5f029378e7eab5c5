// Reference implementation of ssd_scan.hpp, scalar, in double precision.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/ssd_scan.hpp"

namespace kvern::kernels {
namespace {

/// h [states] of one channel.
double token_output(const SsdScanCall &c, int64_t token, int64_t head, int64_t channel,
                    std::vector<double> &h) {
  const double dt = static_cast<double>(c.dt[token * c.dt_stride + head]) + c.dt_bias[head];
  const double softplus = dt > 30.0 ? dt : std::log1p(std::exp(dt));
  const double step = std::min<double>(std::max<double>(softplus, c.dt_min), c.dt_max);
  const double x = c.x[token * c.x_stride + head * c.head_dim + channel];
  const int64_t group = head / (c.heads / c.groups) * c.states;
  double y = c.d[head] * x;
  for (int64_t s = 0; s < c.states; ++s) {
    h[s] = std::exp(step * c.a[head]) * h[s] + step * x * c.b[token * c.b_stride + group + s];
    y += h[s] * c.c[token * c.c_stride + group + s];
  }
  return y;
}

void scan_channel(const SsdScanCall &c, int64_t row, int64_t head, int64_t channel) {
  const Recurrence &r = c.tokens;
  const int64_t size = c.heads * c.states * c.head_dim;
  const auto at = [&](int64_t state, int64_t s) {
    return state * size + (head * c.states + s) * c.head_dim + channel;
  };
  std::vector<double> h;
  for (int64_t s = 0; s < c.states; ++s) h.push_back(r.state[at(row, s)]);
  const auto store = [&](int64_t state) {
    for (int64_t s = 0; s < c.states; ++s) r.new_state[at(state, s)] = static_cast<float>(h[s]);
  };
  for (int64_t t = 0; t < r.n_new; ++t) {
    const int64_t token = r.token(row, t);
    const double y = r.computes(row, t) ? token_output(c, token, head, channel, h) : 0.0;
    c.out[token * c.out_stride + head * c.head_dim + channel] = static_cast<float>(y);
    if (r.by_token) store(token);
  }
  if (!r.by_token) store(row);
}

}  // namespace

void ssd_scan_reference(const SsdScanCall &c) {
  for (int64_t row = 0; row < c.tokens.rows; ++row)
    for (int64_t head = 0; head < c.heads; ++head)
      for (int64_t channel = 0; channel < c.head_dim; ++channel) scan_channel(c, row, head, channel);
}

}  // namespace kvern::kernels
