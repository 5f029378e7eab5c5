#include "runtime/models/layers/attention.hpp"

namespace kvern::models {
namespace {

// Heads [first, first + n) of rows [batch * n_new, heads * dim].
HeadsView heads(const Activations &x, const MatrixView &rows, int64_t dim, int64_t first, int64_t n) {
  return {rows.data + first * dim, x.batch, n, x.n_new, dim, x.n_new * rows.stride, dim, rows.stride};
}

}  // namespace

Attention::Attention(Residual residual, AttentionConfig config, AttentionWeights weights)
    : ResidualSublayer(std::move(residual)), config_(std::move(config)), weights_(std::move(weights)) {
  spec_.scale = config_.scale;
  spec_.softcap = config_.softcap;
  spec_.window = config_.window;
  spec_.rope = config_.rope.get();
  spec_.sinks = static_cast<const float *>(weights_.sinks.data);
}

std::optional<LayerSpec> Attention::spec() const {
  LayerSpec spec;
  spec.q_heads = static_cast<int32_t>(config_.q_heads);
  spec.kv_heads = static_cast<int32_t>(config_.kv_heads);
  spec.head_dim_k = spec.head_dim_v = static_cast<int32_t>(config_.head_dim);
  spec.window = static_cast<int32_t>(config_.window);
  return spec;
}

// One call for each token or for each head, whichever are fewer.
void Attention::normalize(const NormLayer &norm, const MatrixView &all, int64_t n_heads, Queue &queue) const {
  const int64_t dim = config_.head_dim;
  if (norm.dim() != dim) return norm(all, all, queue);
  for (int64_t r = 0; r < all.rows && all.rows < n_heads; ++r) {
    const MatrixView token{all.data + r * all.stride, n_heads, dim};
    norm(token, token, queue);
  }
  for (int64_t h = 0; h < n_heads && all.rows >= n_heads; ++h) {
    const MatrixView head{all.data + h * dim, all.rows, all.stride};
    norm(head, head, queue);
  }
}

void Attention::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const int64_t dim = config_.head_dim, q = config_.q_heads, kv = config_.kv_heads;
  const MatrixView qkv = x.scratch.take(x.normed.rows, (q + 2 * kv) * dim);
  const MatrixView attended = x.scratch.take(x.normed.rows, q * dim);
  weights_.qkv(x.normed, qkv, Into::replace, queue);
  if (weights_.q_norm) normalize(weights_.q_norm, qkv, q, queue);
  if (weights_.k_norm) normalize(weights_.k_norm, {qkv.data + q * dim, qkv.rows, qkv.stride}, kv, queue);
  step.attend(x.layer, heads(x, qkv, dim, 0, q), heads(x, qkv, dim, q, kv), heads(x, qkv, dim, q + kv, kv),
              spec_, heads(x, attended, dim, 0, q));
  weights_.out(attended, out, into, queue);
}

}  // namespace kvern::models
