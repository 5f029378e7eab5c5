// Reference implementation of experts.cpp: row by row, expert by expert, in double precision.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/experts.hpp"

namespace kvern::kernels {
namespace {

using Row = std::vector<double>;

double rounded(const ExpertsCall &c, double x) {
  return c.type == Dtype::bf16 ? bf16_to_f32(f32_to_bf16(static_cast<float>(x))) : x;
}

/// Element [out, in] of a matrix with `outs` outputs of `ins` inputs.
double element(const ExpertsCall &c, const void *w, int64_t out, int64_t in, int64_t outs, int64_t ins) {
  return load_element(w, c.type, c.layout == WeightLayout::n_k ? out * ins + in : in * outs + out);
}

Row product(const ExpertsCall &c, const void *w, const void *bias, int64_t bias_at, const Row &x,
            int64_t outs) {
  Row y(static_cast<size_t>(outs));
  for (int64_t o = 0; o < outs; ++o) {
    double &sum = y[static_cast<size_t>(o)];
    sum = bias ? load_element(bias, c.type, bias_at + o) : 0.0;
    for (size_t i = 0; i < x.size(); ++i)
      sum +=
          rounded(c, x[i]) * element(c, w, o, static_cast<int64_t>(i), outs, static_cast<int64_t>(x.size()));
  }
  return y;
}

/// The same with a packed matrix, whose product rounds x.
Row product(const ExpertsCall &c, const PackedMatrix &w, const void *bias, int64_t bias_at, const Row &x) {
  const std::vector<float> in(x.begin(), x.end());
  std::vector<float> out(static_cast<size_t>(w.n));
  const PackedPart part{&w, bias ? element_at(bias, c.type, bias_at) : nullptr, c.type};
  packed_matmul_reference({1, in.data(), w.k, &part, 1, out.data(), w.n, false});
  return Row(out.begin(), out.end());
}

Row gate_and_up(const ExpertsCall &c, const Expert &e, const Row &x) {
  if (e.packed_gate && !e.packed_up && !e.up) return product(c, *e.packed_gate, e.gate_bias, 0, x);
  if (!e.packed_gate && c.layout == WeightLayout::k_n)
    return product(c, e.gate, e.gate_bias, 0, x, 2 * c.width);
  Row both = e.packed_gate ? product(c, *e.packed_gate, e.gate_bias, 0, x)
                           : product(c, e.gate, e.gate_bias, 0, x, c.width);
  const Row up = e.packed_up ? product(c, *e.packed_up, e.gate_bias, c.width, x)
                             : product(c, e.up, e.gate_bias, c.width, x, c.width);
  both.insert(both.end(), up.begin(), up.end());
  return both;
}

double activated(const ExpertActivation &a, double gate, double up) {
  if (a.clamp <= 0.0f) return up * activation_reference(a.activation, gate);
  gate = std::min<double>(gate, a.clamp);
  up = std::clamp<double>(up, -a.clamp, a.clamp);
  return (up + 1.0) * gate / (1.0 + std::exp(-a.alpha * gate));
}

Row run(const ExpertsCall &c, const Expert &e, const Row &x) {
  const Row both = gate_and_up(c, e, x);
  Row hidden(static_cast<size_t>(c.width));
  for (size_t i = 0; i < hidden.size(); ++i) {
    const bool pairs = c.activation.interleaved;
    hidden[i] = activated(c.activation, both[pairs ? 2 * i : i], both[pairs ? 2 * i + 1 : hidden.size() + i]);
  }
  return e.packed_down ? product(c, *e.packed_down, e.down_bias, 0, hidden)
                       : product(c, e.down, e.down_bias, 0, hidden, c.dim);
}

}  // namespace

void experts_reference(const ExpertsCall &c) {
  for (int64_t row = 0; row < c.rows; ++row) {
    const Row x(c.x + row * c.x_stride, c.x + row * c.x_stride + c.dim);
    float *out = c.out + row * c.out_stride;
    Row sum(static_cast<size_t>(c.dim));
    if (c.accumulate) sum.assign(out, out + c.dim);
    for (int64_t i = row * c.top_k; i < (row + 1) * c.top_k; ++i) {
      const Row y = run(c, c.expert[c.ids ? c.ids[i] : 0], x);
      for (size_t d = 0; d < y.size(); ++d) sum[d] += (c.weights ? c.weights[i] : 1.0f) * y[d];
    }
    for (size_t d = 0; d < sum.size(); ++d) out[d] = static_cast<float>(sum[d]);
  }
}

}  // namespace kvern::kernels
