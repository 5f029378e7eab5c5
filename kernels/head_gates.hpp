// The scalars of one head's tokens in recurrences of heads. Internal.
#pragma once
#include <cmath>
#include <cstdint>

namespace kvern::kernels {

inline float softplus(float x) { return x > 20.0f ? x : std::log1p(std::exp(x)); }
inline float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

}  // namespace kvern::kernels
