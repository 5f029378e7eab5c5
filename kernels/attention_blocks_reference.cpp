// Reference implementation of attention_blocks.cpp: the blocks of a row are copied to dense keys and values.
#include <cstddef>
#include <vector>

#include "kernels/attention_blocks.hpp"

namespace kvern::kernels {
namespace {

/// The keys (or values) of a row as [heads, keys, dim].
std::vector<char> gathered(const BlockedCall &call, const BlockedRow &row, bool of_keys) {
  const AttentionCall &dense = call.dense;
  const int64_t dim = of_keys ? dense.dim_k : dense.dim_v,
                stride = of_keys ? dense.k_stride.pos : dense.v_stride.pos;
  std::vector<char> all(static_cast<std::size_t>(dense.kv_heads * row.keys * dim * size_of(dense.kv_type)));
  for (int64_t head = 0; head < dense.kv_heads; ++head) {
    for (int64_t key = 0; key < row.keys; ++key) {
      const KeyBlock &block = row.blocks[key / call.tokens];
      const int64_t from = head * (of_keys ? block.k_head : block.v_head) + key % call.tokens * stride;
      for (int64_t d = 0; d < dim; ++d)
        store_element(all.data(), dense.kv_type, (head * row.keys + key) * dim + d,
                      load_element(of_keys ? block.k : block.v, dense.kv_type, from + d));
    }
  }
  return all;
}

template <class T>
T *moved(T *pointer, int64_t by) {
  return pointer ? pointer + by : nullptr;
}

}  // namespace

void attention_reference(const BlockedCall &call) {
  for (int64_t r = 0; r < call.dense.rows; ++r) {
    const BlockedRow &row = call.rows[r];
    const std::vector<char> k = gathered(call, row, true), v = gathered(call, row, false);
    AttentionCall one = call.dense;
    one.rows = 1;
    one.kv_len = row.keys;
    one.k = k.data(), one.v = v.data();
    one.k_stride = {0, row.keys * one.dim_k, one.dim_k};
    one.v_stride = {0, row.keys * one.dim_v, one.dim_v};
    one.q = element_at(one.q, one.q_type, r * one.q_stride.row);
    one.out = element_at(one.out, one.out_type, r * one.out_stride.row);
    one.lse = moved(one.lse, r * one.q_heads * one.n_new);
    one.q_pos = moved(one.q_pos, r * one.n_new);
    one.first_pos = moved(one.first_pos, r);
    one.key_pos = moved(one.key_pos, r * one.key_pos_row_stride);
    one.bias = moved(one.bias, r * one.bias_stride[0]);
    attention_reference(one);
  }
}

}  // namespace kvern::kernels
