#include "core/attention/kernel_call.hpp"

#include "core/torch/tensor.hpp"

namespace kvern {
namespace {

kernels::AttentionStrides strides_of(const DLTensor &t) {
  if (t.strides) return {t.strides[0], t.strides[1], t.strides[2]};
  return {t.shape[1] * t.shape[2] * t.shape[3], t.shape[2] * t.shape[3], t.shape[3]};
}

void *address(const DLTensor &t, int64_t row) {
  auto *base = static_cast<char *>(t.data) + t.byte_offset;
  return base + row * strides_of(t).row * (t.dtype.bits / 8);
}

void take_bias(const DLTensor &bias, int64_t row_begin, kernels::AttentionCall &call) {
  const auto s = strides_of(bias);
  const int64_t strides[4] = {s.row, s.head, s.pos, bias.strides ? bias.strides[3] : 1};
  for (int i = 0; i < 4; ++i) call.bias_stride[i] = bias.shape[i] == 1 ? 0 : strides[i];
  call.bias = static_cast<const float *>(address(bias, 0)) + row_begin * call.bias_stride[0];
}

void take_keys(const KeySource &keys, kernels::AttentionCall &call) {
  call.kv_heads = keys.k->shape[1];
  call.kv_len = keys.k->shape[2];
  call.kv_type = to_kernel(keys.k->dtype);
  call.k = address(*keys.k, 0);
  call.v = address(*keys.v, 0);
  call.k_stride = strides_of(*keys.k);
  call.v_stride = strides_of(*keys.v);
  call.first_pos = keys.first_pos;
  call.key_pos = keys.key_pos;
  call.key_pos_row_stride = keys.row_stride;
  call.key_pos_head_stride = keys.head_stride;
}

}  // namespace

kernels::AttentionCall kernel_call(const kvern_attend &request, const int64_t *q_pos, const KeySource &keys,
                                   int64_t row_begin, int64_t rows) {
  const DLTensor &q = *request.q, &out = *request.out;
  kernels::AttentionCall c;
  take_keys(keys, c);
  c.rows = rows;
  c.q_heads = q.shape[1];
  c.n_new = q.shape[2];
  c.dim_k = q.shape[3];
  c.dim_v = out.shape[3];
  c.q_type = to_kernel(q.dtype);
  c.out_type = to_kernel(out.dtype);
  c.q = address(q, row_begin);
  c.out = address(out, row_begin);
  // Keys that were stored in bf16 have lost what rounding q loses; products of bf16 numbers take half the time.
  c.round_to_bf16 = c.kv_type == kernels::Dtype::bf16;
  c.q_stride = strides_of(q);
  c.out_stride = strides_of(out);
  if (request.lse) c.lse = static_cast<float *>(request.lse->data) + row_begin * c.q_heads * c.n_new;
  c.scale = request.scale;
  c.softcap = request.softcap;
  c.causal = request.causal != 0;
  c.window = request.window;
  c.q_pos = q_pos + row_begin * c.n_new;
  if (request.bias) take_bias(*request.bias, row_begin, c);
  if (request.sinks) c.sinks = static_cast<const float *>(request.sinks->data);
  return c;
}

}  // namespace kvern
