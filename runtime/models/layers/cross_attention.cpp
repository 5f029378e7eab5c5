#include "runtime/models/layers/cross_attention.hpp"

#include "core/torch/torch.hpp"

namespace kvern::models {

CrossAttention::CrossAttention(Residual residual, int64_t heads, int64_t head_dim, float scale,
                               CrossAttentionWeights weights)
    : ResidualSublayer(std::move(residual)),
      heads_(heads),
      head_dim_(head_dim),
      weights_(std::move(weights)) {
  spec_.scale = scale;
  spec_.causal = false;
}

std::optional<LayerSpec> CrossAttention::spec() const {
  LayerSpec spec;
  spec.kind = KVERN_LAYER_CROSS;
  spec.q_heads = spec.kv_heads = static_cast<int32_t>(heads_);
  spec.head_dim_k = spec.head_dim_v = static_cast<int32_t>(head_dim_);
  return spec;
}

void CrossAttention::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const int64_t dim = heads_ * head_dim_;
  const auto view = [&](const MatrixView &m, int64_t length, int64_t first) {
    return HeadsView{m.data + first, x.batch,           heads_,    length,
                     head_dim_,      length * m.stride, head_dim_, m.stride};
  };
  const MatrixView q = x.scratch.take(x.normed.rows, dim), attended = x.scratch.take(x.normed.rows, dim);
  project(weights_.q, x.normed, q, Into::replace, queue);
  HeadsView k{}, v{};
  if (x.encoded) {
    const at::Tensor hidden = x.encoded->hidden.contiguous();
    const int64_t length = hidden.size(1), n = hidden.size(0) * length;
    const MatrixView states = x.scratch.take(n, hidden.size(2)), kv = x.scratch.take(n, 2 * dim);
    queue.upload(hidden.const_data_ptr<float>(), states.data, static_cast<size_t>(hidden.nbytes()));
    weights_.kv(states, kv, Into::replace, queue);
    k = view(kv, length, 0);
    v = view(kv, length, dim);
  }
  step.attend(x.layer, view(q, x.n_new, 0), k, v, spec_, view(attended, x.n_new, 0));
  project(weights_.out, attended, out, into, queue);
}

}  // namespace kvern::models
