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
  /// x is rounded to bf16 where W is bf16: on every processor, and for one row as for many, so that a prompt in chunks and single
  /// tokens give the same products, up to the order of summation.
  bool round_x = false;
};

/// Up to this many rows of x a product streams W once, without packing it (GEMV); above it is a blocked GEMM. With W as [K, N],
/// and in bf16 where the processor multiplies tiles (AMX), it is faster above matvec_short_m.
inline constexpr int64_t matvec_max_m = 32, matvec_short_m = 8;

/// Accumulators are f32. y must not overlap x. Workspace is kept by each thread. [any thread; disjoint
/// outputs may run at once]
void matmul(const MatmulCall &call, const Parallel &parallel);

/// Products of one shape: product i of `batch` has x, w and y that many elements further on. Bias: the same for all.
struct BatchedMatmulCall {
  MatmulCall first;
  int64_t batch = 0, x_step = 0, w_step = 0, y_step = 0;

  MatmulCall at(int64_t i) const {
    MatmulCall call = first;
    call.x += i * x_step;
    call.w = element_at(first.w, first.w_type, i * w_step);
    call.y += i * y_step;
    return call;
  }
};

/// The same as one matmul after the other; threads share the products. Outputs must not overlap.
void batched_matmul(const BatchedMatmulCall &call, const Parallel &parallel);

/// Reference implementation in double precision.
void matmul_reference(const MatmulCall &call);

}  // namespace kvern::kernels
