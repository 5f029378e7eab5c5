// Attention of new queries over dense keys and values. Masking by position; no mask tensor. Keys and values
// are read in place; GQA heads are not repeated.
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"

namespace kvern::kernels {

/// Strides count elements, in the order row, head, position; the innermost stride is 1.
struct AttentionStrides {
  int64_t row = 0, head = 0, pos = 0;
};

/// One attention. Pointers are borrowed for the call. Shapes as [B, H, T, D]:
/// q [rows, q_heads, n_new, dim_k], k [rows, kv_heads, kv_len, dim_k], v [rows, kv_heads, kv_len, dim_v],
/// out [rows, q_heads, n_new, dim_v]. Query head h reads key head h / (q_heads / kv_heads).
///
/// Key j of row r, head h is at position p = first_pos[r] + j or, if key_pos is set, key_pos[r *
/// key_pos_row_stride + h * key_pos_head_stride + j]. A query at position t sees it if and only if p >= 0,
/// and p <= t if causal, and p > t - window if window > 0 and p >= keep_first. Masked slots must hold finite
/// elements; they contribute nothing and may be skipped.
///
/// The logit of a visible key is softcap * tanh(scale * q.k / softcap) (without the tanh if softcap is 0) +
/// bias. Accumulators are f32. If q, k and v are all bf16, products are bf16, and softmax weights may be
/// rounded to bf16.
struct AttentionCall {
  int64_t rows = 0, q_heads = 0, kv_heads = 0, n_new = 0, kv_len = 0, dim_k = 0, dim_v = 0;
  Dtype q_type = Dtype::f32, kv_type = Dtype::f32, out_type = Dtype::f32;
  const void *q = nullptr, *k = nullptr, *v = nullptr;
  void *out = nullptr;
  float *lse =
      nullptr;  ///< nullable, [rows, q_heads, n_new] contiguous: log of the sum of exp(logit), sinks included
  AttentionStrides q_stride, k_stride, v_stride, out_stride;

  float scale = 1.0f, softcap = 0.0f;  ///< softcap 0 = none
  bool causal = true;
  int64_t window = 0,
          keep_first = 0;  ///< window 0 = none; positions below keep_first are seen whatever the window

  const int64_t *q_pos = nullptr;      ///< [rows, n_new], needed if causal or window
  const int64_t *first_pos = nullptr;  ///< [rows]; NULL = all 0
  const int64_t *key_pos = nullptr;    ///< nullable, instead of first_pos
  int64_t key_pos_row_stride = 0, key_pos_head_stride = 0;

  const float *bias = nullptr;            ///< nullable, added to logits
  int64_t bias_stride[4] = {0, 0, 0, 0};  ///< of row, query head, new token, key; 0 broadcasts
  const float *sinks = nullptr;           ///< nullable, [q_heads]: an extra logit per head that has no value

  /// out and lse (then needed) hold a first part's result already and become that of both parts together.
  /// Give sinks with one part only.
  bool merge = false;

  /// Where k, v are bf16, q may be rounded to bf16 and treated as if it were. The error is of the size that k and v
  /// have from their own rounding; a processor that multiplies bf16 takes half the time.
  bool round_to_bf16 = false;
};

/// Writes out and lse. A query that sees nothing gets 0 and lse -infinity (with sinks: the sink's logit).
/// Throws std::invalid_argument if the call contradicts itself. Allocates only scratch kept by each thread,
/// whose size does not depend on kv_len. [any thread; calls on disjoint outputs may run at once]
void attention(const AttentionCall &call, const Parallel &parallel);

/// Reference implementation in double precision; tests compare `attention` with it.
void attention_reference(const AttentionCall &call);

/// Merges two results of disjoint keys: (out, lse) and (part, part_lse) become (out, lse). rows x dim f32,
/// contiguous.
void merge_attention(float *out, float *lse, const float *part, const float *part_lse, int64_t rows,
                     int64_t dim);

}  // namespace kvern::kernels
