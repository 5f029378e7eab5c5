// From an attention request of the ABI to a call of the attention kernel: shapes, strides, dtypes. For caches that attend on
// their own storage, and for the host; it needs kvern::kernels.
#pragma once
#include <kvern/abi/cache_abi.h>

#include <optional>
#include <stdexcept>
#include <string>

#include "kernels/attention.hpp"
#include "kvern/sdk/namespace.hpp"

KVERN_SDK_BEGIN

/// The dtype of kernels; none for dtypes that kernels do not compute with.
inline std::optional<kernels::Dtype> find_kernel_type(DLDataType type) {
  if (type.lanes != 1) return std::nullopt;
  if (type.code == kDLFloat && type.bits == 32) return kernels::Dtype::f32;
  if (type.code == kDLFloat && type.bits == 16) return kernels::Dtype::f16;
  if (type.code == kDLBfloat && type.bits == 16) return kernels::Dtype::bf16;
  return std::nullopt;
}

/// Keys and values of one piece, and the positions of the keys.
struct KeySource {
  const DLTensor *k = nullptr, *v = nullptr;  ///< [rows, kv_heads, len, dim]
  const int64_t *first_pos = nullptr, *key_pos = nullptr;
  int64_t row_stride = 0, head_stride = 0;
};

namespace kernel_call_detail {

inline kernels::Dtype kernel_type(DLDataType type) {
  if (const auto found = find_kernel_type(type)) return *found;
  throw std::invalid_argument("kernels do not compute with elements of type code " +
                              std::to_string(type.code) + " and " + std::to_string(type.bits) + " bits");
}

inline kernels::AttentionStrides strides_of(const DLTensor &t) {
  if (t.strides) return {t.strides[0], t.strides[1], t.strides[2]};
  return {t.shape[1] * t.shape[2] * t.shape[3], t.shape[2] * t.shape[3], t.shape[3]};
}

inline char *address(const DLTensor &t) { return static_cast<char *>(t.data) + t.byte_offset; }

inline char *address(const DLTensor &t, int64_t row) {
  return address(t) + row * strides_of(t).row * (t.dtype.bits / 8);
}

inline void set_bias(const DLTensor &bias, int64_t row_begin, kernels::AttentionCall &call) {
  const auto s = strides_of(bias);
  const int64_t strides[4] = {s.row, s.head, s.pos, bias.strides ? bias.strides[3] : 1};
  for (int i = 0; i < 4; ++i) call.bias_stride[i] = bias.shape[i] == 1 ? 0 : strides[i];
  call.bias = reinterpret_cast<const float *>(address(bias)) + row_begin * call.bias_stride[0];
}

}  // namespace kernel_call_detail

/// The kernel's call for rows row_begin .. row_begin + rows - 1 of the request's q and out, without keys and their
/// positions; q_pos [all rows * n_new]. The request's own k and v are ignored. Throws std::invalid_argument for a dtype that
/// kernels do not compute with.
inline kernels::AttentionCall query_call(const kvern_attend &request, const int64_t *q_pos, int64_t row_begin,
                                         int64_t rows) {
  namespace detail = kernel_call_detail;
  const DLTensor &q = *request.q, &out = *request.out;
  kernels::AttentionCall c;
  c.rows = rows;
  c.q_heads = q.shape[1];
  c.n_new = q.shape[2];
  c.dim_k = q.shape[3];
  c.dim_v = out.shape[3];
  c.q_type = detail::kernel_type(q.dtype);
  c.out_type = detail::kernel_type(out.dtype);
  c.q = detail::address(q, row_begin);
  c.out = detail::address(out, row_begin);
  c.q_stride = detail::strides_of(q);
  c.out_stride = detail::strides_of(out);
  if (request.lse)
    c.lse = reinterpret_cast<float *>(detail::address(*request.lse)) + row_begin * c.q_heads * c.n_new;
  c.scale = request.scale;
  c.softcap = request.softcap;
  c.causal = request.causal != 0;
  c.window = request.window;
  c.q_pos = q_pos + row_begin * c.n_new;
  if (request.bias) detail::set_bias(*request.bias, row_begin, c);
  if (request.sinks) c.sinks = reinterpret_cast<const float *>(detail::address(*request.sinks));
  return c;
}

/// Completes a call by all of `keys`, whose row 0 serves the call's first row. Throws as query_call.
inline void set_keys(const KeySource &keys, kernels::AttentionCall &call) {
  namespace detail = kernel_call_detail;
  call.kv_heads = keys.k->shape[1];
  call.kv_len = keys.k->shape[2];
  call.kv_type = detail::kernel_type(keys.k->dtype);
  call.k = detail::address(*keys.k);
  call.v = detail::address(*keys.v);
  call.k_stride = detail::strides_of(*keys.k);
  call.v_stride = detail::strides_of(*keys.v);
  call.first_pos = keys.first_pos;
  call.key_pos = keys.key_pos;
  call.key_pos_row_stride = keys.row_stride;
  call.key_pos_head_stride = keys.head_stride;
  // Keys stored in bf16 have lost the precision that rounding q to bf16 loses; products in bf16 take half the time.
  call.round_to_bf16 = call.kv_type == kernels::Dtype::bf16;
}

/// query_call and set_keys.
inline kernels::AttentionCall kernel_call(const kvern_attend &request, const int64_t *q_pos,
                                          const KeySource &keys, int64_t row_begin, int64_t rows) {
  kernels::AttentionCall call = query_call(request, q_pos, row_begin, rows);
  set_keys(keys, call);
  return call;
}

KVERN_SDK_END
