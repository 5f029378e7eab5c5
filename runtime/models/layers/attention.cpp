#include "runtime/models/layers/attention.hpp"

namespace kvern::models {
namespace {

// n heads of rows [batch * n_new, ...] from column `first` on.
HeadsView heads(const Activations &x, const MatrixView &rows, int64_t dim, int64_t first, int64_t n,
                int64_t head_stride) {
  return {rows.data + first, x.batch, n, x.n_new, dim, x.n_new * rows.stride, head_stride, rows.stride};
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

void Attention::normalize(const NormLayer &norm, const MatrixView &all, int64_t n_heads, int64_t head_stride,
                          Queue &queue) const {
  if (norm.dim() != config_.head_dim) return norm(all, all, queue);
  normalize_heads(norm, all, n_heads, head_stride, queue);
}

// A gate lies behind its head's query.
void Attention::gate(const MatrixView &qkv, const MatrixView &attended, Queue &queue) const {
  const int64_t dim = config_.head_dim, heads = config_.q_heads;
  for (int64_t r = 0; r < qkv.rows && qkv.rows < heads; ++r)
    queue.sigmoid_gate(
        {heads, dim, attended.data + r * attended.stride, dim, qkv.data + r * qkv.stride + dim, 2 * dim});
  for (int64_t h = 0; h < heads && qkv.rows >= heads; ++h)
    queue.sigmoid_gate(
        {qkv.rows, dim, attended.data + h * dim, attended.stride, qkv.data + (2 * h + 1) * dim, qkv.stride});
}

void Attention::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const int64_t dim = config_.head_dim, q = config_.q_heads, kv = config_.kv_heads;
  const int64_t q_stride = config_.gated ? 2 * dim : dim, k = q * q_stride, v = k + kv * dim;
  const MatrixView qkv = x.scratch.take(x.normed.rows, v + kv * dim);
  const MatrixView attended = x.scratch.take(x.normed.rows, q * dim);
  weights_.qkv(x.normed, qkv, Into::replace, queue);
  if (weights_.q_norm) normalize(weights_.q_norm, qkv, q, q_stride, queue);
  if (weights_.k_norm) normalize(weights_.k_norm, {qkv.data + k, qkv.rows, qkv.stride}, kv, dim, queue);
  step.attend(x.layer, heads(x, qkv, dim, 0, q, q_stride), heads(x, qkv, dim, k, kv, dim),
              heads(x, qkv, dim, v, kv, dim), spec_, heads(x, attended, dim, 0, q, dim));
  if (config_.gated) gate(qkv, attended, queue);
  weights_.out(attended, out, into, queue);
}

}  // namespace kvern::models
