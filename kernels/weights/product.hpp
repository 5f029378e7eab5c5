// Products of f32 rows with packed matrices.
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"
#include "kernels/weights/format.hpp"

namespace kvern::kernels {

/// A matrix and its bias [n], which is nullable.
struct PackedPart {
  const PackedMatrix *matrix = nullptr;
  const void *bias = nullptr;
  Dtype bias_type = Dtype::f32;
};

/// y[M, n of all parts] = x[M, k] * W (+ bias) (+ y); the outputs of the parts are side by side. All parts have one k, and no
/// `order` unless there is one part only. Each block of 32 inputs of x is rounded to 8 bits with a scale of its own.
struct PackedMatmulCall {
  int64_t m = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;
  const PackedPart *part = nullptr;
  int64_t parts = 0;
  float *y = nullptr;
  int64_t y_stride = 0;
  bool accumulate = false;  ///< adds to what y holds
};

/// A row gets the same bits however many rows there are. y must not overlap x. Workspace is kept by each thread.
/// [any thread; disjoint outputs may run at once]
void packed_matmul(const PackedMatmulCall &call, const Parallel &parallel);

/// Reference implementation in double precision, with the same rounding of x.
void packed_matmul_reference(const PackedMatmulCall &call);

}  // namespace kvern::kernels
