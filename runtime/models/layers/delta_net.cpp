#include "runtime/models/layers/delta_net.hpp"

#include <cmath>

namespace kvern::models {
namespace {

void copy_columns(const MatrixView &from, int64_t column, int64_t dim, const MatrixView &to,
                  int64_t to_column, Queue &queue) {
  kernels::ConvertCall call;
  call.rows = from.rows;
  call.dim = dim;
  call.from = from.data + column;
  call.from_stride = from.stride;
  call.to = to.data + to_column;
  call.to_stride = to.stride;
  queue.convert(call);
}

}  // namespace

std::optional<LayerSpec> DeltaNet::spec() const {
  LayerSpec spec;
  spec.kind = KVERN_LAYER_STATE;
  spec.states = {weights_.conv.spec(),
                 {Dtype::f32, {config_.value_heads, config_.key_dim, config_.value_dim}}};
  return spec;
}

DeltaNet::Parts DeltaNet::project_parts(Activations &x, Queue &queue) const {
  const DeltaNetConfig &c = config_;
  const int64_t n = x.normed.rows, shared = c.value_heads / c.key_heads, values = shared * c.value_dim;
  const MatrixView qkvz = x.scratch.take(n, 2 * c.keys() + 2 * c.values()),
                   ba = x.scratch.take(n, 2 * c.value_heads);
  Parts parts{x.scratch.take(n, weights_.conv.channels()), x.scratch.take(n, c.values()),
              x.scratch.take(n, c.value_heads), x.scratch.take(n, c.value_heads)};
  weights_.qkvz(x.normed, qkvz, Into::replace, queue);
  weights_.ba(x.normed, ba, Into::replace, queue);
  int64_t from = 0;
  for (int64_t head = 0; head < c.key_heads; ++head) {
    const auto next = [&](int64_t dim, const MatrixView &to, int64_t column) {
      copy_columns(qkvz, from, dim, to, column, queue);
      from += dim;
    };
    next(c.key_dim, parts.qkv, head * c.key_dim);
    next(c.key_dim, parts.qkv, c.keys() + head * c.key_dim);
    next(values, parts.qkv, 2 * c.keys() + head * values);
    next(values, parts.z, head * values);
    copy_columns(ba, 2 * head * shared, shared, parts.b, head * shared, queue);
    copy_columns(ba, (2 * head + 1) * shared, shared, parts.a, head * shared, queue);
  }
  return parts;
}

void DeltaNet::run_rule(const MatrixView &qkv, const Parts &parts, const kernels::Recurrence &state,
                        const MatrixView &out, Queue &queue) const {
  const DeltaNetConfig &c = config_;
  const float scale = 1.0f / std::sqrt(static_cast<float>(c.key_dim));
  kernels::DeltaRuleCall call;
  call.tokens = state;
  call.key_heads = c.key_heads;
  call.value_heads = c.value_heads;
  call.key_dim = c.key_dim;
  call.value_dim = c.value_dim;
  call.q = qkv.data;
  call.k = qkv.data + c.keys();
  call.v = qkv.data + 2 * c.keys();
  call.q_stride = call.k_stride = call.v_stride = qkv.stride;
  call.q_scale = scale * scale;  // to unit length, and of the scores
  call.k_scale = scale;
  call.b = parts.b.data;
  call.b_stride = parts.b.stride;
  call.dt = parts.a.data;
  call.dt_stride = parts.a.stride;
  call.a = static_cast<const float *>(weights_.a.data);
  call.dt_bias = static_cast<const float *>(weights_.dt_bias.data);
  call.out = out.data;
  call.out_stride = out.stride;
  queue.delta_rule(call);
}

void DeltaNet::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const TokenRanges tokens(step);
  const DeltaNetConfig &c = config_;
  const Parts parts = project_parts(x, queue);
  const MatrixView qkv = x.scratch.take(x.normed.rows, weights_.conv.channels()),
                   y = x.scratch.take(x.normed.rows, c.values());
  kernels::CausalConvCall conv = weights_.conv.call(tokens.state(step, x.layer, 0));
  conv.x = parts.qkv.data;
  conv.x_stride = parts.qkv.stride;
  conv.out = qkv.data;
  conv.out_stride = qkv.stride;
  queue.causal_conv(conv);
  normalize_heads(weights_.qk_norm, qkv, 2 * c.key_heads, c.key_dim, queue);
  run_rule(qkv, parts, tokens.state(step, x.layer, 1), y, queue);
  normalize_heads(weights_.norm, y, c.value_heads, c.value_dim, queue);
  kernels::ActivationCall gate;
  gate.rows = y.rows;
  gate.dim = c.values();
  gate.x = parts.z.data;
  gate.x_stride = parts.z.stride;
  gate.up = gate.out = y.data;
  gate.up_stride = gate.out_stride = y.stride;
  queue.activate(gate);
  weights_.out(y, out, into, queue);
}

}  // namespace kvern::models
