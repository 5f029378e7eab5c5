// What the kernels of attention share: which keys a query sees, and how a result is written.
#pragma once
#include "devices/cuda/kernels/element.cuh"
#include "kernels/attention.hpp"

namespace kvern::device {

/// All pointers are the device's. With splits > 1, and in attention_decode.cu, parts go to `part` [queries, splits, dim_v], normalized, and part_lse
/// [queries, splits], without sinks.
struct AttentionWork {
  kernels::AttentionCall c;
  int splits;
  float *part, *part_lse;
};

/// A query by its number in [rows, q_heads, n_new].
struct Query {
  int64_t row, head, token, kv_head, at;
};
__device__ inline Query query_of(const kernels::AttentionCall &c, int64_t number) {
  const int64_t token = number % c.n_new, head = number / c.n_new % c.q_heads,
                row = number / c.n_new / c.q_heads;
  return {row, head, token, head / (c.q_heads / c.kv_heads), c.q_pos ? c.q_pos[row * c.n_new + token] : 0};
}

__device__ inline bool sees(const kernels::AttentionCall &c, const Query &q, int64_t key) {
  const int64_t p = c.key_pos
                        ? c.key_pos[q.row * c.key_pos_row_stride + q.kv_head * c.key_pos_head_stride + key]
                        : (c.first_pos ? c.first_pos[q.row] : 0) + key;
  if (p < 0 || (c.causal && p > q.at)) return false;
  return c.window == 0 || p < c.keep_first || p > q.at - c.window;
}

/// The keys [begin, end) outside of which a query sees none.
struct KeyRange {
  int64_t begin, end;
};
__device__ inline KeyRange range_of(const kernels::AttentionCall &c, const Query &q) {
  KeyRange range{0, c.kv_len};
  if (c.key_pos) return range;
  const int64_t first = c.first_pos ? c.first_pos[q.row] : 0;
  if (c.causal && q.at - first + 1 < range.end) range.end = q.at - first + 1;
  int64_t low = 0;
  if (c.window > 0 && c.keep_first == 0 && q.at - c.window + 1 > low) low = q.at - c.window + 1;
  if (low - first > range.begin) range.begin = low - first;
  if (range.end < range.begin) range.end = range.begin;
  return range;
}

__device__ inline float finished_logit(const kernels::AttentionCall &c, const Query &q, int64_t key,
                                       float dot) {
  float x = dot * c.scale;
  if (c.softcap != 0.0f) x = c.softcap * tanhf(x / c.softcap);
  if (c.bias)
    x += c.bias[q.row * c.bias_stride[0] + q.head * c.bias_stride[1] + q.token * c.bias_stride[2] +
                key * c.bias_stride[3]];
  return x;
}

/// exp(a - b), 0 where a is -infinity (b may be, too)
__device__ inline float weight_of(float a, float b) { return a == -INFINITY ? 0.0f : expf(a - b); }

/// log(exp(a) + exp(b)); not a number where one of them is none, which fmaxf alone would lose
__device__ inline float joined(float a, float b) {
  const float top = fmaxf(a, b);
  return top == -INFINITY ? a + b : top + logf(expf(a - top) + expf(b - top));
}

/// Writes a query's output, channel i of which is number(i), and lse: with its sink, merged with what is there. All threads of a
/// block take part; none has read what the others write.
template <class Number>
__device__ inline void write_result(const kernels::AttentionCall &c, const Query &q, float lse,
                                    Number &&number) {
  const int64_t lse_at = (q.row * c.q_heads + q.head) * c.n_new + q.token;
  const int64_t out_at = q.row * c.out_stride.row + q.head * c.out_stride.head + q.token * c.out_stride.pos;
  const float old = c.merge ? c.lse[lse_at] : -INFINITY;
  const float all = joined(joined(lse, c.sinks ? c.sinks[q.head] : -INFINITY), old);
  const float share = weight_of(lse, all), old_share = weight_of(old, all);
  for (int64_t i = threadIdx.x; i < c.dim_v; i += blockDim.x) {
    float x = share != 0.0f ? share * number(i) : 0.0f;
    if (old_share != 0.0f) x += old_share * load(c.out, c.out_type, out_at + i);
    store(c.out, c.out_type, out_at + i, x);
  }
  sync_block();  // lse has been read
  if (c.lse && threadIdx.x == 0) c.lse[lse_at] = all;
}

// launched by attention.cu
void launch_attention_rows(const AttentionWork &work, void *stream);
/// Does attention_decode.cu serve the call? It always writes parts.
bool decodes(const kernels::AttentionCall &call);
void launch_attention_decode(const AttentionWork &work, void *stream);

}  // namespace kvern::device
