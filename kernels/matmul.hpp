// Products of a few or many f32 rows with a weight matrix as model files hold it: f32, bf16 or f16, either
// layout.
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"

namespace kvern::kernels {

enum class WeightLayout : int32_t {
  n_k = 0,  ///< [N, K], rows of K: torch.nn.Linear
  k_n = 1,  ///< [K, N], rows of N: GPT-2's Conv1D
};

/// y[M, N] = x[M, K] * W (+ bias) (+ y), where W is [N, K] (transposed in the product) or [K, N]. Pointers
/// are borrowed.
struct MatmulCall {
  int64_t m = 0, n = 0, k = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;  ///< elements from row to row
  const void *w = nullptr;
  Dtype w_type = Dtype::f32;
  WeightLayout layout = WeightLayout::n_k;
  int64_t w_stride = 0;        ///< elements from row to row of W as stored
  const void *bias = nullptr;  ///< nullable, [N]
  Dtype bias_type = Dtype::f32;
  float *y = nullptr;
  int64_t y_stride = 0;
  bool accumulate = false;  ///< adds to what y holds
  /// x may be rounded to bf16 where W is bf16 and the processor multiplies bf16.
  bool round_x = false;
};

/// Up to this many rows a product walks W once at memory speed; above it is a blocked matrix product.
inline constexpr int64_t matvec_max_m = 8;

/// Sums in f32. y must not overlap x. Scratch is kept by each thread. [any thread; disjoint outputs may run
/// at once]
void matmul(const MatmulCall &call, const Parallel &parallel);

/// The same by the definition, slowly, in double precision (round_x has no effect).
void matmul_reference(const MatmulCall &call);

}  // namespace kvern::kernels
