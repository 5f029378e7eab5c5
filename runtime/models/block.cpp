// The arithmetic of a layer, on rows that all layers share.
#include "runtime/models/block.hpp"

#include <algorithm>

namespace kvern::models {
namespace {

// The MLP of a long prompt runs in pieces: its hidden rows are several times as wide as the residual stream.
constexpr int64_t kMlpRows = 1024;

Rows slice(const Rows &rows, int64_t begin, int64_t end) {
  return {rows.data + begin * rows.stride, end - begin, rows.stride};
}

// Heads [begin, begin + n) of rows [B * T, heads * D].
HeadsView heads(const DecoderConfig &config, const Workspace &work, const Rows &rows, int64_t begin,
                int64_t n) {
  const int64_t d = config.head_dim;
  return {rows.data + begin * d, work.batch, n, work.n_new, d, work.n_new * rows.stride, d, rows.stride};
}

}  // namespace

void NormWeights::operator()(const Rows &x, const Rows &out, Queue &queue) const {
  kernels::NormCall call;
  call.rows = x.rows;
  call.dim = weight.shape[0];
  call.x = x.data;
  call.x_stride = x.stride;
  call.weight = weight.data;
  call.weight_type = weight.dtype;
  call.bias = bias.data;
  call.bias_type = bias.dtype;
  call.eps = eps;
  call.out = out.data;
  call.out_stride = out.stride;
  queue.norm(kind, call);
}

Workspace::Workspace(const DecoderConfig &config, int64_t batch_, int64_t n_new_, Queue &queue)
    : batch(batch_), n_new(n_new_) {
  const int64_t rows = batch * n_new;
  qkv = take(rows, (config.q_heads + 2 * config.kv_heads) * config.head_dim, queue);
  attended = take(rows, config.q_heads * config.head_dim, queue);
  residual = take(rows, config.hidden_size, queue);
  normed = take(rows, config.hidden_size, queue);
  up = take(std::min(rows, kMlpRows), config.intermediate_size * (config.gated_mlp ? 2 : 1), queue);
}

Rows Workspace::take(int64_t rows, int64_t dim, Queue &queue) {
  memory_.push_back(queue.take(static_cast<size_t>(rows * dim) * sizeof(float)));
  return {memory_.back().floats(), rows, dim};
}

void Block::attend(const DecoderConfig &config, int layer, Step &step, Workspace &work) const {
  Queue &queue = step.queue();
  qkv(work.normed, work.qkv, Into::replace, queue);
  for (int64_t head = 0; q_norm && head < config.q_heads + config.kv_heads; ++head) {
    const Rows rows{work.qkv.data + head * config.head_dim, work.qkv.rows, work.qkv.stride};
    (head < config.q_heads ? q_norm : k_norm)(rows, rows, queue);
  }
  const int64_t q = config.q_heads, kv = config.kv_heads;
  step.attend(layer, heads(config, work, work.qkv, 0, q), heads(config, work, work.qkv, q, kv),
              heads(config, work, work.qkv, q + kv, kv), attention, heads(config, work, work.attended, 0, q));
  out(work.attended, work.residual, Into::add, queue);
}

void Block::run_mlp(const DecoderConfig &config, Workspace &work, Queue &queue) const {
  const int64_t n = work.normed.rows;
  for (int64_t begin = 0; begin < n; begin += work.up.rows) {
    const int64_t end = std::min(n, begin + work.up.rows);
    const Rows hidden = slice(work.up, 0, end - begin);
    up(slice(work.normed, begin, end), hidden, Into::replace, queue);
    kernels::ActivationCall call;
    call.activation = config.activation;
    call.rows = hidden.rows;
    call.dim = config.intermediate_size;
    call.x = call.out = hidden.data;
    call.up = config.gated_mlp ? hidden.data + config.intermediate_size : nullptr;
    call.x_stride = call.up_stride = call.out_stride = hidden.stride;
    queue.activate(call);
    down(hidden, slice(work.residual, begin, end), Into::add, queue);
  }
}

void Block::run(const DecoderConfig &config, int layer, Step &step, Workspace &work) const {
  attention_norm(work.residual, work.normed, step.queue());
  attend(config, layer, step, work);
  if (mlp_norm) mlp_norm(work.residual, work.normed, step.queue());
  run_mlp(config, work, step.queue());
}

}  // namespace kvern::models
