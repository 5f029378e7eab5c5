#include "runtime/models/layers/latent_attention.hpp"

namespace kvern::models {
namespace {

/// to[r][h] = from[r][h], n heads of `dim` elements in each row: one call for each token or for each head, whichever are fewer.
void copy_heads(const MatrixView &from, int64_t from_step, const MatrixView &to, int64_t to_step, int64_t n,
                int64_t dim, Queue &queue) {
  const bool by_token = from.rows < n;
  kernels::ConvertCall call;
  call.rows = by_token ? n : from.rows;
  call.dim = dim;
  call.from_stride = by_token ? from_step : from.stride;
  call.to_stride = by_token ? to_step : to.stride;
  for (int64_t i = 0; i < (by_token ? from.rows : n); ++i) {
    call.from = from.data + i * (by_token ? from.stride : from_step);
    call.to = to.data + i * (by_token ? to.stride : to_step);
    queue.convert(call);
  }
}

}  // namespace

LatentAttention::LatentAttention(Residual residual, LatentAttentionConfig config,
                                 LatentAttentionWeights weights)
    : ResidualSublayer(std::move(residual)), config_(std::move(config)), weights_(std::move(weights)) {
  spec_.scale = config_.scale;
}

std::optional<LayerSpec> LatentAttention::spec() const {
  LayerSpec spec;
  spec.flags = KVERN_VALUES_IN_KEYS;
  spec.q_heads = static_cast<int32_t>(config_.q_heads);
  spec.kv_heads = 1;
  spec.head_dim_k = static_cast<int32_t>(config_.key_dim());
  spec.head_dim_v = static_cast<int32_t>(config_.rank);
  return spec;
}

MatrixView LatentAttention::queries(Activations &x, Queue &queue) const {
  const MatrixView q = x.scratch.take(x.normed.rows, config_.q_heads * config_.q_dim());
  if (weights_.q_down.parts.empty()) {
    weights_.q(x.normed, q, Into::replace, queue);
    return q;
  }
  const MatrixView down = x.scratch.take(x.normed.rows, weights_.q_down.out());
  weights_.q_down(x.normed, down, Into::replace, queue);
  weights_.q_norm(down, down, queue);
  weights_.q(down, q, Into::replace, queue);
  return q;
}

MatrixView LatentAttention::latents(Activations &x, Queue &queue) const {
  const MatrixView latent = x.scratch.take(x.normed.rows, config_.key_dim());
  weights_.kv_down(x.normed, latent, Into::replace, queue);
  weights_.kv_norm(latent, latent, queue);  // the first `rank` elements
  return latent;
}

/// Queries in the latent's space: each head's part without rotation times the matrix that expands its keys; the part with
/// rotation as it is.
MatrixView LatentAttention::absorb(const MatrixView &q, Activations &x, Queue &queue) const {
  const LatentAttentionConfig &c = config_;
  const MatrixView to = x.scratch.take(q.rows, c.q_heads * c.key_dim());
  kernels::BatchedMatmulCall call;
  call.batch = c.q_heads;
  call.x_step = c.q_dim();
  call.w_step = c.expanded_dim() * c.rank;
  call.y_step = c.key_dim();
  kernels::MatmulCall &first = call.first;
  first.m = q.rows;
  first.n = c.rank;
  first.k = c.nope_dim;
  first.x = q.data;
  first.x_stride = q.stride;
  first.w = weights_.expand.data;
  first.w_type = weights_.expand.dtype;
  first.layout = kernels::WeightLayout::k_n;
  first.w_stride = c.rank;
  first.y = to.data;
  first.y_stride = to.stride;
  first.round_x = true;
  queue.batched_matmul(call);
  copy_heads({q.data + c.nope_dim, q.rows, q.stride}, c.q_dim(), {to.data + c.rank, to.rows, to.stride},
             c.key_dim(), c.q_heads, c.rope_dim, queue);
  return to;
}

/// to[r][h] = rows [first, first + n) of the matrix that expands head h, times from[r][h]. from_step 0: all heads share a row.
void LatentAttention::expand(const MatrixView &from, int64_t from_step, int64_t first, int64_t n,
                             const MatrixView &to, int64_t to_step, Queue &queue) const {
  const LatentAttentionConfig &c = config_;
  kernels::BatchedMatmulCall call;
  call.batch = c.q_heads;
  call.x_step = from_step;
  call.w_step = c.expanded_dim() * c.rank;
  call.y_step = to_step;
  kernels::MatmulCall &one = call.first;
  one.m = from.rows;
  one.n = n;
  one.k = c.rank;
  one.x = from.data;
  one.x_stride = from.stride;
  one.w = kernels::element_at(weights_.expand.data, weights_.expand.dtype, first * c.rank);
  one.w_type = weights_.expand.dtype;
  one.w_stride = c.rank;
  one.y = to.data;
  one.y_stride = to.stride;
  one.round_x = true;
  queue.batched_matmul(call);
}

/// Attention to the step's own tokens alone, by expanded keys and values.
void LatentAttention::attend_expanded(const MatrixView &q, const MatrixView &latent, const MatrixView &out,
                                      Activations &x, Step &step) const {
  const LatentAttentionConfig &c = config_;
  Queue &queue = step.queue();
  step.rotate(*c.rope, heads(x, q, c.rope_dim, c.nope_dim, c.q_heads, c.q_dim()));
  step.rotate(*c.rope, heads(x, latent, c.rope_dim, c.rank, 1, c.rope_dim));
  step.store(x.layer, heads(x, latent, c.key_dim(), 0, 1, c.key_dim()), {}, nullptr);
  const MatrixView keys = x.scratch.take(q.rows, c.q_heads * c.q_dim()),
                   values = x.scratch.take(q.rows, c.q_heads * c.v_dim);
  expand(latent, 0, 0, c.nope_dim, keys, c.q_dim(), queue);
  copy_heads({latent.data + c.rank, latent.rows, latent.stride}, 0,
             {keys.data + c.nope_dim, keys.rows, keys.stride}, c.q_dim(), c.q_heads, c.rope_dim, queue);
  expand(latent, 0, c.nope_dim, c.v_dim, values, c.v_dim, queue);
  attend_without_cache(queue, heads(x, q, c.q_dim(), 0, c.q_heads, c.q_dim()),
                       heads(x, keys, c.q_dim(), 0, c.q_heads, c.q_dim()),
                       heads(x, values, c.v_dim, 0, c.q_heads, c.v_dim), step.positions(), spec_,
                       heads(x, out, c.v_dim, 0, c.q_heads, c.v_dim));
}

/// Attention to the cache's latents by absorbed queries.
void LatentAttention::attend_absorbed(const MatrixView &q, const MatrixView &latent, const MatrixView &out,
                                      Activations &x, Step &step) const {
  const LatentAttentionConfig &c = config_;
  Queue &queue = step.queue();
  const MatrixView absorbed = absorb(q, x, queue);
  const MatrixView attended = x.scratch.take(q.rows, c.q_heads * c.rank);
  AttentionSpec spec = spec_;
  spec.rope = c.rope.get();
  spec.rope_first = c.rank;
  step.attend(x.layer, heads(x, absorbed, c.key_dim(), 0, c.q_heads, c.key_dim()),
              heads(x, latent, c.key_dim(), 0, 1, c.key_dim()), {}, spec,
              heads(x, attended, c.rank, 0, c.q_heads, c.rank));
  expand(attended, c.rank, c.nope_dim, c.v_dim, out, c.v_dim, queue);
}

void LatentAttention::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  const LatentAttentionConfig &c = config_;
  Queue &queue = step.queue();
  const MatrixView q = queries(x, queue), latent = latents(x, queue);
  const MatrixView attended = x.scratch.take(q.rows, c.q_heads * c.v_dim);
  // of several tokens that see none but each other, to expand keys and values costs what absorption costs, and attention in a
  // head's own dimensions less than in the latent's
  if (step.n_new() > 1 && step.attends_to_itself(x.layer))
    attend_expanded(q, latent, attended, x, step);
  else
    attend_absorbed(q, latent, attended, x, step);
  weights_.out(attended, out, into, queue);
}

}  // namespace kvern::models
