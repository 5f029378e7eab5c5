#include "runtime/models/layers/short_conv.hpp"

namespace kvern::models {

std::optional<LayerSpec> ShortConv::spec() const {
  LayerSpec spec;
  spec.kind = KVERN_LAYER_STATE;
  spec.states = {weights_.conv.spec()};
  return spec;
}

void ShortConv::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  Queue &queue = step.queue();
  const TokenRanges tokens(step);
  const int64_t n = x.normed.rows, dim = weights_.conv.channels();
  const MatrixView projected = x.scratch.take(n, 3 * dim), mixed = x.scratch.take(n, dim);
  weights_.in(x.normed, projected, Into::replace, queue);
  kernels::CausalConvCall conv = weights_.conv.call(tokens.state(step, x.layer, 0));
  conv.x_gate = projected.data;
  conv.out_gate = projected.data + dim;
  conv.x = projected.data + 2 * dim;
  conv.x_stride = conv.x_gate_stride = conv.out_gate_stride = projected.stride;
  conv.out = mixed.data;
  conv.out_stride = mixed.stride;
  queue.causal_conv(conv);
  weights_.out(mixed, out, into, queue);
}

}  // namespace kvern::models
