#include "runtime/models/layers/mamba.hpp"

namespace kvern::models {

Mamba::Mamba(Residual residual, MambaWeights weights)
    : ResidualSublayer(std::move(residual)), weights_(std::move(weights)) {
  rank_ = weights_.parameters.out() - 2 * states();
}

std::optional<LayerSpec> Mamba::spec() const {
  LayerSpec spec;
  spec.kind = KVERN_LAYER_STATE;
  spec.states = {weights_.conv.spec(), {Dtype::f32, {states(), channels()}}};
  return spec;
}

void Mamba::normalize(const MatrixView &parameters, Queue &queue) const {
  MatrixView part = parameters;
  const auto next = [&](const NormLayer &norm, int64_t dim) {
    if (norm) norm(part, part, queue);
    part.data += dim;
  };
  next(weights_.dt_norm, rank_);
  next(weights_.b_norm, states());
  next(weights_.c_norm, states());
}

void Mamba::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const TokenRanges tokens(step);
  const int64_t n = x.normed.rows, inner = channels();
  const MatrixView projected = x.scratch.take(n, 2 * inner), hidden = x.scratch.take(n, inner),
                   parameters = x.scratch.take(n, rank_ + 2 * states()), dt = x.scratch.take(n, inner);
  weights_.in(x.normed, projected, Into::replace, queue);
  kernels::CausalConvCall conv = weights_.conv.call(tokens.state(step, x.layer, 0));
  conv.x = projected.data;
  conv.x_stride = projected.stride;
  conv.out = hidden.data;
  conv.out_stride = hidden.stride;
  queue.causal_conv(conv);
  weights_.parameters(hidden, parameters, Into::replace, queue);
  normalize(parameters, queue);
  weights_.time_step(parameters, dt, Into::replace, queue);
  kernels::SelectiveScanCall scan;
  scan.tokens = tokens.state(step, x.layer, 1);
  scan.channels = inner;
  scan.states = states();
  scan.x = hidden.data;
  scan.x_stride = hidden.stride;
  scan.dt = dt.data;
  scan.dt_stride = dt.stride;
  scan.b = parameters.data + rank_;
  scan.c = scan.b + states();
  scan.b_stride = scan.c_stride = parameters.stride;
  scan.a = static_cast<const float *>(weights_.a.data);
  scan.d = static_cast<const float *>(weights_.d.data);
  scan.gate = projected.data + inner;
  scan.gate_stride = projected.stride;
  scan.out = dt.data;
  scan.out_stride = dt.stride;
  queue.selective_scan(scan);
  weights_.out(dt, out, into, queue);
}

}  // namespace kvern::models
