// The choice between kernels.
#include "runtime/models/projection.hpp"

namespace kvern::models {

void project(const Matrix &matrix, const Rows &x, const Rows &y, Into into,
             const kernels::Parallel &parallel) {
  kernels::MatmulCall call;
  call.m = x.rows;
  call.n = matrix.out();
  call.k = matrix.in();
  call.x = x.data;
  call.x_stride = x.stride;
  call.w = matrix.weight.data;
  call.w_type = matrix.weight.dtype;
  call.layout = matrix.layout;
  call.w_stride = matrix.weight.shape[1];
  call.bias = matrix.bias.data;
  call.bias_type = matrix.bias.dtype;
  call.y = y.data;
  call.y_stride = y.stride;
  call.accumulate = into == Into::add;
  call.round_x = true;
  kernels::matmul(call, parallel);
}

void Projection::operator()(const Rows &x, const Rows &y, Into into,
                            const kernels::Parallel &parallel) const {
  Rows slice = y;
  for (const Matrix &matrix : parts) {
    project(matrix, x, slice, into, parallel);
    slice.data += matrix.out();
  }
}

}  // namespace kvern::models
