// Gated attention output (Qwen3-Next). Strides count elements. [any thread]
#pragma once
#include <cstdint>

#include "kernels/parallel.hpp"

namespace kvern::kernels {

/// x = x * sigmoid(gate), rows x dim, in place.
struct SigmoidGateCall {
  int64_t rows = 0, dim = 0;
  float *x = nullptr;
  int64_t x_stride = 0;
  const float *gate = nullptr;
  int64_t gate_stride = 0;
};
void sigmoid_gate(const SigmoidGateCall &call, const Parallel &parallel);
void sigmoid_gate_reference(const SigmoidGateCall &call);

}  // namespace kvern::kernels
