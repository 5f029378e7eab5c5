#include "runtime/models/layers/mamba2.hpp"

namespace kvern::models {

Mamba2::Mamba2(Residual residual, Mamba2Config config, Mamba2Weights weights)
    : ResidualSublayer(std::move(residual)), config_(config), weights_(std::move(weights)) {}

std::optional<LayerSpec> Mamba2::spec() const {
  LayerSpec spec;
  spec.kind = KVERN_LAYER_STATE;
  spec.states = {weights_.conv.spec(), {Dtype::f32, {config_.heads, config_.states, config_.head_dim}}};
  return spec;
}

void Mamba2::scale_parts(const MatrixView &projected, Queue &queue) const {
  const int64_t shared = config_.groups * config_.states;
  const int64_t dims[5] = {config_.inner(), config_.inner(), shared, shared, config_.heads};
  MatrixView part = projected;
  for (std::size_t i = 0; i < 5; ++i) {
    scale_rows(part, dims[i], config_.multipliers[i] * config_.input_multiplier, queue);
    part.data += dims[i];
  }
}

void Mamba2::normalize(const MatrixView &y, Queue &queue) const {
  const int64_t dim = config_.inner() / config_.groups;
  NormLayer norm = weights_.norm;
  norm.weight.shape = {dim};
  MatrixView part = y;
  for (int64_t group = 0; group < config_.groups; ++group) {
    norm(part, part, queue);
    part.data += dim;
    norm.weight.data = kernels::element_at(norm.weight.data, norm.weight.dtype, dim);
  }
}

void Mamba2::gate_and_norm(const MatrixView &gate, const MatrixView &y, Queue &queue) const {
  if (weights_.norm && config_.norm_before_gate) normalize(y, queue);
  kernels::ActivationCall call;
  call.activation = kernels::Activation::silu;
  call.rows = y.rows;
  call.dim = config_.inner();
  call.x = gate.data;
  call.x_stride = gate.stride;
  call.up = call.out = y.data;
  call.up_stride = call.out_stride = y.stride;
  queue.activate(call);
  if (weights_.norm && !config_.norm_before_gate) normalize(y, queue);
}

void Mamba2::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const TokenRanges tokens(step);
  const int64_t n = x.normed.rows, inner = config_.inner(), channels = config_.conv_channels();
  const MatrixView projected = x.scratch.take(n, inner + channels + config_.heads),
                   y = x.scratch.take(n, channels);
  weights_.in(x.normed, projected, Into::replace, queue);
  scale_parts(projected, queue);
  kernels::CausalConvCall conv = weights_.conv.call(tokens.state(step, x.layer, 0));
  conv.x = projected.data + inner;
  conv.x_stride = projected.stride;
  conv.out = y.data;
  conv.out_stride = y.stride;
  queue.causal_conv(conv);
  kernels::SsdScanCall scan;
  scan.tokens = tokens.state(step, x.layer, 1);
  scan.heads = config_.heads;
  scan.head_dim = config_.head_dim;
  scan.groups = config_.groups;
  scan.states = config_.states;
  scan.x = scan.out = y.data;
  scan.b = y.data + inner;
  scan.c = scan.b + config_.groups * config_.states;
  scan.x_stride = scan.b_stride = scan.c_stride = scan.out_stride = y.stride;
  scan.dt = projected.data + inner + channels;
  scan.dt_stride = projected.stride;
  scan.a = static_cast<const float *>(weights_.a.data);
  scan.d = static_cast<const float *>(weights_.d.data);
  scan.dt_bias = static_cast<const float *>(weights_.dt_bias.data);
  scan.dt_min = config_.dt_min;
  scan.dt_max = config_.dt_max;
  queue.ssd_scan(scan);
  gate_and_norm(projected, y, queue);
  weights_.out(y, out, into, queue);
}

}  // namespace kvern::models
