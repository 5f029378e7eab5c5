// Reference implementation of causal_conv.hpp, scalar, in double precision.
#include <cmath>

#include "kernels/causal_conv.hpp"

namespace kvern::kernels {
namespace {

double input(const CausalConvCall &c, int64_t row, int64_t t, int64_t channel) {
  const Recurrence &r = c.tokens;
  const int64_t slot = t - r.begin[row] + c.taps - 1;
  if (t < r.begin[row]) return r.state[(row * (c.taps - 1) + slot) * c.channels + channel];
  const int64_t token = row * r.n_new + t;
  const double x = c.x[token * c.x_stride + channel];
  return c.x_gate ? x * c.x_gate[token * c.x_gate_stride + channel] : x;
}

double output(const CausalConvCall &c, int64_t row, int64_t t, int64_t channel) {
  if (!c.tokens.computes(row, t)) return 0.0;
  double sum = c.bias ? c.bias[channel] : 0.0;
  for (int64_t k = 0; k < c.taps; ++k)
    sum += input(c, row, t - c.taps + 1 + k, channel) * c.weight[k * c.channels + channel];
  if (c.silu) sum = sum / (1.0 + std::exp(-sum));
  const int64_t token = row * c.tokens.n_new + t;
  return c.out_gate ? sum * c.out_gate[token * c.out_gate_stride + channel] : sum;
}

/// The state behind the tokens up to t.
void write_state(const CausalConvCall &c, int64_t row, int64_t t, float *to) {
  const Recurrence &r = c.tokens;
  const int64_t last = t < r.begin[row] ? r.begin[row] - 1 : t < r.end[row] ? t : r.end[row] - 1;
  for (int64_t k = 1; k < c.taps; ++k)
    for (int64_t i = 0; i < c.channels; ++i)
      *to++ = static_cast<float>(input(c, row, last - c.taps + 1 + k, i));
}

}  // namespace

void causal_conv_reference(const CausalConvCall &c) {
  const Recurrence &r = c.tokens;
  const int64_t size = (c.taps - 1) * c.channels;
  for (int64_t row = 0; row < r.rows; ++row) {
    for (int64_t t = 0; t < r.n_new; ++t) {
      const int64_t token = row * r.n_new + t;
      for (int64_t i = 0; i < c.channels; ++i)
        c.out[token * c.out_stride + i] = static_cast<float>(output(c, row, t, i));
      if (r.by_token) write_state(c, row, t, r.new_state + token * size);
    }
    if (!r.by_token) write_state(c, row, r.n_new, r.new_state + row * size);
  }
}

}  // namespace kvern::kernels
