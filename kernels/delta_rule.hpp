// Gated delta rule (Yang et al. 2024; Qwen3-Next): a matrix of key_dim x value_dim in each head, in which a token first
// corrects what its key finds. Strides count elements. Reference implementation: delta_rule_reference. [any thread]
#pragma once
#include "kernels/parallel.hpp"
#include "kernels/recurrence.hpp"

namespace kvern::kernels {

constexpr int64_t kMaxDeltaKeys = 512;

/// For each value head, with k = k_scale * k, decay = exp(a softplus(dt + dt_bias)) and beta = sigmoid(b): S = decay S;
/// S += k (beta (v - Sᵀ k))ᵀ; out = q_scale Sᵀ q. A state is [value_heads, key_dim, value_dim]. Value head j reads key head
/// j key_heads / value_heads.
struct DeltaRuleCall {
  Recurrence tokens;
  int64_t key_heads = 0, value_heads = 0, key_dim = 0, value_dim = 0;  ///< key_dim <= kMaxDeltaKeys
  const float *q = nullptr, *k = nullptr;                              ///< [tokens, key_heads * key_dim]
  int64_t q_stride = 0, k_stride = 0;
  float q_scale = 1.0f, k_scale = 1.0f;
  const float *v = nullptr;  ///< [tokens, value_heads * value_dim]
  int64_t v_stride = 0;
  const float *b = nullptr, *dt = nullptr;  ///< [tokens, value_heads]
  int64_t b_stride = 0, dt_stride = 0;
  const float *a = nullptr, *dt_bias = nullptr;  ///< [value_heads]; a is negative
  float *out = nullptr;                          ///< [tokens, value_heads * value_dim]
  int64_t out_stride = 0;
};
void delta_rule(const DeltaRuleCall &call, const Parallel &parallel);
void delta_rule_reference(const DeltaRuleCall &call);

}  // namespace kvern::kernels
