// Attention of encoders: the keys are the step's own.
#include <kvern/step.hpp>

#include "core/attention/bias_on_device.hpp"
#include "core/attention/rotary.hpp"

namespace kvern {
namespace {

kernels::AttentionStrides strides_of(const HeadsView &v) {
  return {v.row_stride, v.head_stride, v.token_stride};
}

void take_bias(const BiasView &bias, kernels::AttentionCall &call) {
  call.bias = bias.data;
  for (int i = 0; i < 4; ++i) call.bias_stride[i] = bias.shape[i] == 1 ? 0 : bias.strides[i];
}

kernels::AttentionCall call_of(const HeadsView &q, const HeadsView &k, const HeadsView &v,
                               const HeadsView &out) {
  kernels::AttentionCall call;
  call.rows = q.rows;
  call.q_heads = q.heads;
  call.kv_heads = k.heads;
  call.n_new = q.tokens;
  call.kv_len = k.tokens;
  call.dim_k = q.dim;
  call.dim_v = v.dim;
  call.q = q.data;
  call.k = k.data;
  call.v = v.data;
  call.out = out.data;
  call.q_stride = strides_of(q);
  call.k_stride = strides_of(k);
  call.v_stride = strides_of(v);
  call.out_stride = strides_of(out);
  return call;
}

}  // namespace

void attend_without_cache(Queue &queue, const HeadsView &q, const HeadsView &k, const HeadsView &v,
                          const std::vector<int64_t> &positions, const AttentionSpec &spec,
                          const HeadsView &out) {
  if (spec.rope) {
    Rotary rotary(queue, positions, q.tokens, {q.tokens, q.tokens});
    const auto &tables = rotary.tables(*spec.rope, nullptr);
    rotary.apply(tables, q);
    rotary.apply(tables, k);
  }
  auto call = call_of(q, k, v, out);
  call.scale = spec.scale;
  call.softcap = spec.softcap;
  call.window = spec.window;
  call.causal = spec.causal;
  call.sinks = spec.sinks;
  call.q_pos = call.key_pos = positions.data();
  call.key_pos_row_stride = k.tokens;
  DeviceMemory memory;
  if (spec.bias)
    take_bias(on_device((*spec.bias)({q.rows, q.tokens, k.tokens, positions.data(), nullptr, positions.data(),
                                      k.tokens, 0}),
                        queue, memory),
              call);
  queue.attention(call);
}

}  // namespace kvern
