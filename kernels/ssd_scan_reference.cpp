// Reference implementation of ssd_scan.hpp, scalar, in double precision.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/recurrence_reference.hpp"
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
  const StateChannel state{c.heads * c.states * c.head_dim, head * c.states * c.head_dim + channel,
                           c.head_dim, c.states};
  run_channel_reference(
      c.tokens, row, state, c.out + head * c.head_dim + channel, c.out_stride,
      [&](int64_t token, std::vector<double> &h) { return token_output(c, token, head, channel, h); });
}

}  // namespace

void ssd_scan_reference(const SsdScanCall &c) {
  for (int64_t row = 0; row < c.tokens.rows; ++row)
    for (int64_t head = 0; head < c.heads; ++head)
      for (int64_t channel = 0; channel < c.head_dim; ++channel) scan_channel(c, row, head, channel);
}

}  // namespace kvern::kernels
