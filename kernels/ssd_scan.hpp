// The recurrence of Mamba-2 (state space duality, Dao and Gu 2024): one decay for each head and token. Strides count
// elements. Reference implementation: ssd_scan_reference. [any thread]
#pragma once
#include <limits>

#include "kernels/parallel.hpp"
#include "kernels/recurrence.hpp"

namespace kvern::kernels {

constexpr int64_t kMaxSsdStates = 512;

/// For each head, with step = softplus(dt + dt_bias) clamped to [dt_min, dt_max]: h = exp(step a) h + step b xᵀ;
/// out = hᵀ c + d x. A state is [heads, states, head_dim]. Head j reads group j groups / heads of b and c.
struct SsdScanCall {
  Recurrence tokens;
  int64_t heads = 0, head_dim = 0, groups = 0, states = 0;  ///< states <= kMaxSsdStates
  const float *x = nullptr;                                 ///< [tokens, heads * head_dim]
  int64_t x_stride = 0;
  const float *dt = nullptr;  ///< [tokens, heads]
  int64_t dt_stride = 0;
  const float *b = nullptr, *c = nullptr;  ///< [tokens, groups * states]
  int64_t b_stride = 0, c_stride = 0;
  const float *a = nullptr, *d = nullptr, *dt_bias = nullptr;  ///< [heads]; a is negative
  float dt_min = 0.0f, dt_max = std::numeric_limits<float>::infinity();
  float *out = nullptr;  ///< [tokens, heads * head_dim]
  int64_t out_stride = 0;
};
void ssd_scan(const SsdScanCall &call, const Parallel &parallel);
void ssd_scan_reference(const SsdScanCall &call);

}  // namespace kvern::kernels
