#include "runtime/models/layers/norm.hpp"

namespace kvern::models {

NormLayer NormLayer::row(int64_t i) const {
  NormLayer norm = *this;
  norm.weight.data = kernels::element_at(weight.data, weight.dtype, i * dim());
  norm.weight.shape = {dim()};
  return norm;
}

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

// One call for each token or for each head, whichever are fewer.
void normalize_heads(const NormLayer &norm, const MatrixView &all, int64_t heads, int64_t head_stride,
                     Queue &queue) {
  for (int64_t r = 0; r < all.rows && all.rows < heads; ++r) {
    const MatrixView token{all.data + r * all.stride, heads, head_stride};
    norm(token, token, queue);
  }
  for (int64_t h = 0; h < heads && all.rows >= heads; ++h) {
    const MatrixView head{all.data + h * head_stride, all.rows, all.stride};
    norm(head, head, queue);
  }
}

}  // namespace kvern::models
