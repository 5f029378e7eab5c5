#include "runtime/models/layers/encoder_attention.hpp"

namespace kvern::models {

EncoderAttention::EncoderAttention(Residual residual, int64_t heads, int64_t head_dim, float scale,
                                   Projection qkv, Matrix out)
    : residual_(std::move(residual)),
      heads_(heads),
      head_dim_(head_dim),
      scale_(scale),
      qkv_(std::move(qkv)),
      out_(std::move(out)) {}

void EncoderAttention::add_to(Activations &x, Queue &queue, const std::vector<int64_t> &positions,
                              const Bias *bias) const {
  const int64_t dim = heads_ * head_dim_;
  const auto view = [&](const MatrixView &m, int64_t first) {
    return heads(x, m, head_dim_, first, heads_, head_dim_);
  };
  AttentionSpec spec;
  spec.scale = scale_;
  spec.causal = false;
  spec.bias = bias;
  add_with_residual(residual_, x, queue, [&](const MatrixView &out, Into into) {
    const MatrixView qkv = x.scratch.take(x.normed.rows, 3 * dim),
                     attended = x.scratch.take(x.normed.rows, dim);
    qkv_(x.normed, qkv, Into::replace, queue);
    attend_without_cache(queue, view(qkv, 0), view(qkv, dim), view(qkv, 2 * dim), positions, spec,
                         view(attended, 0));
    project(out_, attended, out, into, queue);
  });
}

}  // namespace kvern::models
