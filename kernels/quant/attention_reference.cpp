// Reference implementation of attention.cpp: dequantizes all blocks to dense f32 keys and values,
// Hadamard-rotated back, and runs the dense reference implementation.
#include <algorithm>
#include <vector>

#include "kernels/quant/attention.hpp"
#include "kernels/quant/quantize.hpp"

namespace kvern::kernels::quant {
namespace {

/// Position of key j of a row's head, as AttentionCall has it.
int64_t key_position(const AttentionCall &c, int64_t row, int64_t head, int64_t j) {
  if (c.key_pos) return c.key_pos[row * c.key_pos_row_stride + head * c.key_pos_head_stride + j];
  return (c.first_pos ? c.first_pos[row] : 0) + j;
}

/// The dense equivalent of a packed call; columns that no run contains have position -1 (masked).
struct Dense {
  explicit Dense(const PackedCall &packed);
  AttentionCall call;
  std::vector<float> k, v;
  std::vector<int64_t> key_pos;

 private:
  void unpack(const PackedCall &packed, const BlockRun &run, int64_t row, int64_t head);
};

Dense::Dense(const PackedCall &packed) : call(packed.dense) {
  const int64_t heads = call.kv_heads, columns = call.rows * heads * call.kv_len;
  k.resize(static_cast<size_t>(columns * call.dim_k));
  v.resize(static_cast<size_t>(columns * call.dim_v));
  key_pos.assign(static_cast<size_t>(columns), -1);
  for (int64_t row = 0; row < call.rows; ++row) {
    const PackedRow &runs = packed.rows[row];
    for (int64_t i = 0; i < runs.n_runs; ++i) {
      for (int64_t head = 0; head < heads; ++head) unpack(packed, runs.runs[i], row, head);
    }
  }
  call.kv_type = Dtype::f32;
  call.k = k.data(), call.v = v.data(), call.key_pos = key_pos.data();
  call.k_stride = {heads * call.kv_len * call.dim_k, call.kv_len * call.dim_k, call.dim_k};
  call.v_stride = {heads * call.kv_len * call.dim_v, call.kv_len * call.dim_v, call.dim_v};
  call.key_pos_row_stride = heads * call.kv_len, call.key_pos_head_stride = call.kv_len;
}

void Dense::unpack(const PackedCall &packed, const BlockRun &run, int64_t row, int64_t head) {
  const BlockFormat &format = *packed.format;
  for (int64_t j = 0; j < run.keys; ++j) {
    const std::byte *block = run.data + head * run.head_stride + j / format.tokens * format.bytes;
    const int64_t column = (row * call.kv_heads + head) * call.kv_len + run.first_key + j;
    const int64_t token = j % format.tokens;
    dequantize_reference(format, true, block, token, 1, true, &k[static_cast<size_t>(column * call.dim_k)],
                         Dtype::f32, call.dim_k);
    float *value = &v[static_cast<size_t>(column * call.dim_v)];
    if (format.values_in_keys)
      std::copy_n(&k[static_cast<size_t>(column * call.dim_k)], call.dim_v, value);
    else
      dequantize_reference(format, false, block, token, 1, true, value, Dtype::f32, call.dim_v);
    key_pos[static_cast<size_t>(column)] = key_position(packed.dense, row, head, run.first_key + j);
  }
}

}  // namespace

void attention_reference(const PackedCall &call) { kernels::attention_reference(Dense(call).call); }

}  // namespace kvern::kernels::quant
