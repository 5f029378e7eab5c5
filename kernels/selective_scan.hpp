// Selective scan (Mamba, Gu and Dao 2023): a state of N elements in each channel, whose decay depends on the token. Strides
// count elements. Reference implementation: selective_scan_reference. [any thread]
#pragma once
#include "kernels/parallel.hpp"
#include "kernels/recurrence.hpp"

namespace kvern::kernels {

constexpr int64_t kMaxScanStates = 256;

/// For each channel and state s, with step = softplus(dt): h[s] = exp(step a[s]) h[s] + step x b[s];
/// out = (sum of h[s] c[s] + d x) * silu(gate). A state is [states, channels].
struct SelectiveScanCall {
  Recurrence tokens;
  int64_t channels = 0, states = 0;  ///< states <= kMaxScanStates
  const float *x = nullptr;          ///< [tokens, channels]
  int64_t x_stride = 0;
  const float *dt = nullptr;  ///< [tokens, channels]
  int64_t dt_stride = 0;
  const float *b = nullptr, *c = nullptr;  ///< [tokens, states]
  int64_t b_stride = 0, c_stride = 0;
  const float *a = nullptr;     ///< [states, channels], negative
  const float *d = nullptr;     ///< [channels]
  const float *gate = nullptr;  ///< nullable, [tokens, channels]
  int64_t gate_stride = 0;
  float *out = nullptr;
  int64_t out_stride = 0;
};
void selective_scan(const SelectiveScanCall &call, const Parallel &parallel);
void selective_scan_reference(const SelectiveScanCall &call);

}  // namespace kvern::kernels
