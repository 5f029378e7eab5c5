// The arithmetic of a layer, on rows that all layers share.
#include "runtime/models/block.hpp"

#include <algorithm>

#include "kernels/elementwise.hpp"
#include "core/torch/torch.hpp"
#include "core/torch/working_memory.hpp"

namespace kvern::models {
namespace {

// The MLP of a long prompt runs in pieces: its hidden rows are several times as wide as the residual stream.
constexpr int64_t kMlpRows = 1024;

Rows as_rows(const at::Tensor &tensor) {
  return {tensor.mutable_data_ptr<float>(), tensor.size(0), tensor.size(1)};
}

Rows slice(const Rows &rows, int64_t begin, int64_t end) {
  return {rows.data + begin * rows.stride, end - begin, rows.stride};
}

// Heads [begin, begin + n) of the projected rows, as [B, n, T, D] over the same memory.
at::Tensor heads(const DecoderConfig &config, const Workspace &work, int64_t begin, int64_t n) {
  const int64_t d = config.head_dim, row = work.qkv.stride;
  return work.qkv_tensor.as_strided({work.batch, n, work.n_new, d}, {work.n_new * row, d, row, 1}, begin * d);
}

}  // namespace

void NormWeights::operator()(const Rows &x, const Rows &out, const kernels::Parallel &parallel) const {
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
  kind == Norm::rms ? kernels::rms_norm(call, parallel) : kernels::layer_norm(call, parallel);
}

Workspace::Workspace(const DecoderConfig &config, int64_t batch_, int64_t n_new_)
    : batch(batch_),
      n_new(n_new_),
      qkv_tensor(working_memory({batch * n_new, (config.q_heads + 2 * config.kv_heads) * config.head_dim})),
      residual_(working_memory({batch * n_new, config.hidden_size})),
      normed_(working_memory({batch * n_new, config.hidden_size})),
      up_(working_memory(
          {std::min(batch * n_new, kMlpRows), config.intermediate_size * (config.gated_mlp ? 2 : 1)})) {
  residual = as_rows(residual_);
  normed = as_rows(normed_);
  qkv = as_rows(qkv_tensor);
  up = as_rows(up_);
}

void Block::attend(const DecoderConfig &config, int layer, Step &step, Workspace &work,
                   const kernels::Parallel &parallel) const {
  qkv(work.normed, work.qkv, Into::replace, parallel);
  for (int64_t head = 0; q_norm && head < config.q_heads + config.kv_heads; ++head) {
    const Rows rows{work.qkv.data + head * config.head_dim, work.qkv.rows, work.qkv.stride};
    (head < config.q_heads ? q_norm : k_norm)(rows, rows, parallel);
  }
  const at::Tensor attended = step.attend(
      layer, heads(config, work, 0, config.q_heads), heads(config, work, config.q_heads, config.kv_heads),
      heads(config, work, config.q_heads + config.kv_heads, config.kv_heads), attention);
  const Rows rows{attended.mutable_data_ptr<float>(), work.normed.rows, config.q_heads * config.head_dim};
  out(rows, work.residual, Into::add, parallel);
}

void Block::run_mlp(const DecoderConfig &config, Workspace &work, const kernels::Parallel &parallel) const {
  const int64_t n = work.normed.rows;
  for (int64_t begin = 0; begin < n; begin += work.up.rows) {
    const int64_t end = std::min(n, begin + work.up.rows);
    const Rows hidden = slice(work.up, 0, end - begin);
    up(slice(work.normed, begin, end), hidden, Into::replace, parallel);
    kernels::ActivationCall call;
    call.activation = config.activation;
    call.rows = hidden.rows;
    call.dim = config.intermediate_size;
    call.x = call.out = hidden.data;
    call.up = config.gated_mlp ? hidden.data + config.intermediate_size : nullptr;
    call.x_stride = call.up_stride = call.out_stride = hidden.stride;
    kernels::activate(call, parallel);
    down(hidden, slice(work.residual, begin, end), Into::add, parallel);
  }
}

void Block::run(const DecoderConfig &config, int layer, Step &step, Workspace &work,
                const kernels::Parallel &parallel) const {
  attention_norm(work.residual, work.normed, parallel);
  attend(config, layer, step, work, parallel);
  if (mlp_norm) mlp_norm(work.residual, work.normed, parallel);
  run_mlp(config, work, parallel);
}

}  // namespace kvern::models
