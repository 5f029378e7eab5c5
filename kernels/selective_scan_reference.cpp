// Reference implementation of selective_scan.hpp, scalar, in double precision.
#include <cmath>
#include <vector>

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
  const Recurrence &r = c.tokens;
  const int64_t size = c.states * c.channels;
  std::vector<double> h(static_cast<size_t>(c.states));
  for (int64_t row = 0; row < r.rows; ++row) {
    for (int64_t i = 0; i < c.channels; ++i) {
      for (int64_t s = 0; s < c.states; ++s) h[s] = r.state[row * size + s * c.channels + i];
      const auto store = [&](int64_t state) {
        for (int64_t s = 0; s < c.states; ++s)
          r.new_state[state * size + s * c.channels + i] = static_cast<float>(h[s]);
      };
      for (int64_t t = 0; t < r.n_new; ++t) {
        const int64_t token = r.token(row, t);
        const double y = r.computes(row, t) ? token_output(c, token, i, h) : 0.0;
        c.out[token * c.out_stride + i] = static_cast<float>(y);
        if (r.by_token) store(token);
      }
      if (!r.by_token) store(row);
    }
  }
}

}  // namespace kvern::kernels
