// Depthwise causal convolution over the tokens of a row, whose state is its last inputs (Mamba, gated delta net, LFM2's
// short convolution). Strides count elements. Reference implementation: causal_conv_reference. [any thread]
#pragma once
#include "kernels/parallel.hpp"
#include "kernels/recurrence.hpp"

namespace kvern::kernels {

constexpr int64_t kMaxTaps = 16;

/// out[t] = act(bias + sum over k of weight[k] * input[t - taps + 1 + k]) * out_gate[t], where input = x * x_gate. A state
/// is [taps - 1, channels], the oldest input first. out does not overlap x.
struct CausalConvCall {
  Recurrence tokens;
  int64_t channels = 0, taps = 0;  ///< 1 <= taps <= kMaxTaps
  const float *x = nullptr;
  int64_t x_stride = 0;
  const float *x_gate = nullptr;  ///< nullable
  int64_t x_gate_stride = 0;
  const float *weight = nullptr;  ///< [taps, channels]
  const float *bias = nullptr;    ///< nullable, [channels]
  bool silu = false;
  const float *out_gate = nullptr;  ///< nullable
  int64_t out_gate_stride = 0;
  float *out = nullptr;
  int64_t out_stride = 0;
};
void causal_conv(const CausalConvCall &call, const Parallel &parallel);
void causal_conv_reference(const CausalConvCall &call);

}  // namespace kvern::kernels
