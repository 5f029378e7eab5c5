#include "runtime/models/layers/norm.hpp"

namespace kvern::models {

void NormLayer::operator()(const MatrixView &x, const MatrixView &out, Queue &queue) const {
  kernels::NormCall call;
  call.rows = x.rows;
  call.dim = dim();
  call.x = x.data;
  call.x_stride = x.stride;
  call.weight = weight.data;
  call.weight_type = weight.dtype;
  call.weight_offset = offset;
  call.bias = bias.data;
  call.bias_type = bias.dtype;
  call.eps = eps;
  call.out = out.data;
  call.out_stride = out.stride;
  queue.norm(kind, call);
}

}  // namespace kvern::models
