#include "kernels/kernel_call.hpp"

#include <kvern/error.hpp>
#include <string>

namespace kvern {
namespace {

kernels::Dtype kernel_type(DLDataType type) {
  const auto found = find_kernel_type(type);
  if (!found)
    throw Error(ErrorKind::internal, "kernels do not compute with numbers of type code " +
                                         std::to_string(type.code) + " and " + std::to_string(type.bits) +
                                         " bits");
  return *found;
}

kernels::AttentionStrides strides_of(const DLTensor &t) {
  if (t.strides) return {t.strides[0], t.strides[1], t.strides[2]};
  return {t.shape[1] * t.shape[2] * t.shape[3], t.shape[2] * t.shape[3], t.shape[3]};
}

char *address(const DLTensor &t) { return static_cast<char *>(t.data) + t.byte_offset; }

char *address(const DLTensor &t, int64_t row) {
  return address(t) + row * strides_of(t).row * (t.dtype.bits / 8);
}

void take_bias(const DLTensor &bias, int64_t row_begin, kernels::AttentionCall &call) {
  const auto s = strides_of(bias);
  const int64_t strides[4] = {s.row, s.head, s.pos, bias.strides ? bias.strides[3] : 1};
  for (int i = 0; i < 4; ++i) call.bias_stride[i] = bias.shape[i] == 1 ? 0 : strides[i];
  call.bias = reinterpret_cast<const float *>(address(bias)) + row_begin * call.bias_stride[0];
}

}  // namespace

std::optional<kernels::Dtype> find_kernel_type(DLDataType type) {
  if (type.lanes != 1) return std::nullopt;
  if (type.code == kDLFloat && type.bits == 32) return kernels::Dtype::f32;
  if (type.code == kDLFloat && type.bits == 16) return kernels::Dtype::f16;
  if (type.code == kDLBfloat && type.bits == 16) return kernels::Dtype::bf16;
  return std::nullopt;
}

kernels::AttentionCall query_call(const kvern_attend &request, const int64_t *q_pos, int64_t row_begin,
                                  int64_t rows) {
  const DLTensor &q = *request.q, &out = *request.out;
  kernels::AttentionCall c;
  c.rows = rows;
  c.q_heads = q.shape[1];
  c.n_new = q.shape[2];
  c.dim_k = q.shape[3];
  c.dim_v = out.shape[3];
  c.q_type = kernel_type(q.dtype);
  c.out_type = kernel_type(out.dtype);
  c.q = address(q, row_begin);
  c.out = address(out, row_begin);
  c.q_stride = strides_of(q);
  c.out_stride = strides_of(out);
  if (request.lse) c.lse = reinterpret_cast<float *>(address(*request.lse)) + row_begin * c.q_heads * c.n_new;
  c.scale = request.scale;
  c.softcap = request.softcap;
  c.causal = request.causal != 0;
  c.window = request.window;
  c.q_pos = q_pos + row_begin * c.n_new;
  if (request.bias) take_bias(*request.bias, row_begin, c);
  if (request.sinks) c.sinks = reinterpret_cast<const float *>(address(*request.sinks));
  return c;
}

void take_keys(const KeySource &keys, kernels::AttentionCall &call) {
  call.kv_heads = keys.k->shape[1];
  call.kv_len = keys.k->shape[2];
  call.kv_type = kernel_type(keys.k->dtype);
  call.k = address(*keys.k);
  call.v = address(*keys.v);
  call.k_stride = strides_of(*keys.k);
  call.v_stride = strides_of(*keys.v);
  call.first_pos = keys.first_pos;
  call.key_pos = keys.key_pos;
  call.key_pos_row_stride = keys.row_stride;
  call.key_pos_head_stride = keys.head_stride;
  // Keys that were stored in bf16 have lost what rounding q loses; products of bf16 numbers take half the time.
  call.round_to_bf16 = call.kv_type == kernels::Dtype::bf16;
}

kernels::AttentionCall kernel_call(const kvern_attend &request, const int64_t *q_pos, const KeySource &keys,
                                   int64_t row_begin, int64_t rows) {
  kernels::AttentionCall call = query_call(request, q_pos, row_begin, rows);
  take_keys(keys, call);
  return call;
}

}  // namespace kvern
