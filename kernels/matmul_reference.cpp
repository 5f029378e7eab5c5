// Reference implementation of matmul.cpp: one dot product at a time, in double precision.
#include "kernels/matmul.hpp"

namespace kvern::kernels {
namespace {

float x_of(const MatmulCall &c, int64_t m, int64_t k) {
  const float x = c.x[m * c.x_stride + k];
  return c.round_x && c.w_type == Dtype::bf16 ? bf16_to_f32(f32_to_bf16(x)) : x;
}

}  // namespace

void matmul_reference(const MatmulCall &c) {
  int64_t n_step = c.layout == WeightLayout::n_k ? c.w_stride : 1;
  int64_t k_step = c.layout == WeightLayout::n_k ? 1 : c.w_stride;
  for (int64_t m = 0; m < c.m; ++m) {
    for (int64_t n = 0; n < c.n; ++n) {
      double sum = c.bias ? load_element(c.bias, c.bias_type, n) : 0.0;
      if (c.accumulate) sum += c.y[m * c.y_stride + n];
      for (int64_t k = 0; k < c.k; ++k) {
        sum += static_cast<double>(x_of(c, m, k)) * load_element(c.w, c.w_type, n * n_step + k * k_step);
      }
      c.y[m * c.y_stride + n] = static_cast<float>(sum);
    }
  }
}

}  // namespace kvern::kernels
