// The slow twin of matmul.cpp: one sum at a time, in double precision.
#include "kernels/matmul.hpp"

namespace kvern::kernels {

void matmul_reference(const MatmulCall &c) {
  int64_t n_step = c.layout == WeightLayout::n_k ? c.w_stride : 1;
  int64_t k_step = c.layout == WeightLayout::n_k ? 1 : c.w_stride;
  for (int64_t m = 0; m < c.m; ++m) {
    for (int64_t n = 0; n < c.n; ++n) {
      double sum = c.bias ? load_element(c.bias, c.bias_type, n) : 0.0;
      if (c.accumulate) sum += c.y[m * c.y_stride + n];
      for (int64_t k = 0; k < c.k; ++k) {
        sum += static_cast<double>(c.x[m * c.x_stride + k]) *
               load_element(c.w, c.w_type, n * n_step + k * k_step);
      }
      c.y[m * c.y_stride + n] = static_cast<float>(sum);
    }
  }
}

}  // namespace kvern::kernels
