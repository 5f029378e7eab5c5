// Reference implementation of selective_scan.hpp, scalar, in double precision.
#include <cmath>
#include <vector>

#include "kernels/recurrence_reference.hpp"
#include "kernels/selective_scan.hpp"

namespace kvern::kernels {
namespace {

double token_output(const SelectiveScanCall &c, int64_t token, int64_t i, std::vector<double> &h) {
  const double x = c.x[token * c.x_stride + i], dt = c.dt[token * c.dt_stride + i];
  const double step = dt > 30.0 ? dt : std::log1p(std::exp(dt));
  double y = c.d[i] * x;
  for (int64_t s = 0; s < c.states; ++s) {
    h[s] = std::exp(step * c.a[s * c.channels + i]) * h[s] + step * x * c.b[token * c.b_stride + s];
    y += h[s] * c.c[token * c.c_stride + s];
  }
  if (!c.gate) return y;
  const double gate = c.gate[token * c.gate_stride + i];
  return y * gate / (1.0 + std::exp(-gate));
}

}  // namespace

void selective_scan_reference(const SelectiveScanCall &c) {
  for (int64_t row = 0; row < c.tokens.rows; ++row)
    for (int64_t i = 0; i < c.channels; ++i)
      run_channel_reference(
          c.tokens, row, {c.states * c.channels, i, c.channels, c.states}, c.out + i, c.out_stride,
          [&](int64_t token, std::vector<double> &h) { return token_output(c, token, i, h); });
}

}  // namespace kvern::kernels
