#include "runtime/models/layers/attention.hpp"

#include <algorithm>
#include <cmath>

namespace kvern::models {
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
  if (norm.weight.shape.size() == 2) {
    for (int64_t h = 0; h < n_heads; ++h) {
      const MatrixView head{all.data + h * head_stride, all.rows, all.stride};
      norm.row(h)(head, head, queue);
    }
    return;
  }
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

// Neighbouring tokens often have the same factor.
void Attention::scale_by_position(const MatrixView &q, Step &step) const {
  const std::vector<int64_t> &positions = step.positions();
  const auto period = [&](int64_t i) {
    return std::max<int64_t>(positions[static_cast<size_t>(i)], 0) / config_.position_period;
  };
  for (int64_t begin = 0, end = 0; begin < q.rows; begin = end) {
    for (end = begin + 1; end < q.rows && period(end) == period(begin);) ++end;
    if (period(begin) == 0) continue;
    float *rows = q.data + begin * q.stride;
    const float more = config_.position_scale * std::log1p(static_cast<float>(period(begin)));
    step.queue().add_scaled(
        {end - begin, config_.q_heads * config_.head_dim, rows, q.stride, rows, q.stride, more});
  }
}

void Attention::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const int64_t dim = config_.head_dim, q = config_.q_heads, kv = config_.kv_heads;
  const bool by_head = config_.qkv_by_head, gated = config_.gated;
  const int64_t q_stride = (by_head ? 3 : gated ? 2 : 1) * dim, k_stride = by_head ? q_stride : dim;
  const int64_t k = by_head ? dim : q * q_stride, v = k + (by_head ? dim : kv * dim);
  const MatrixView qkv = x.scratch.take(x.normed.rows, ((gated ? 2 : 1) * q + 2 * kv) * dim);
  const MatrixView attended = x.scratch.take(x.normed.rows, q * dim);
  weights_.qkv(x.normed, qkv, Into::replace, queue);
  if (weights_.q_norm) normalize(weights_.q_norm, qkv, q, q_stride, queue);
  if (weights_.k_norm) normalize(weights_.k_norm, {qkv.data + k, qkv.rows, qkv.stride}, kv, dim, queue);
  if (config_.position_scale != 0.0f) scale_by_position(qkv, step);
  std::vector<float> memory;
  const Bias bias = [&](const BiasPositions &at) { return (*config_.relative_bias)(at, memory); };
  AttentionSpec spec = spec_;
  if (config_.relative_bias) spec.bias = &bias;
  step.attend(x.layer, heads(x, qkv, dim, 0, q, q_stride), heads(x, qkv, dim, k, kv, k_stride),
              heads(x, qkv, dim, v, kv, k_stride), spec, heads(x, attended, dim, 0, q, dim));
  if (gated) gate(qkv, attended, queue);
  weights_.out(attended, out, into, queue);
}

}  // namespace kvern::models
