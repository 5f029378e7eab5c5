// How far one tensor is from another.
#pragma once
#include "core/torch/torch.hpp"

namespace kvern::test {

/// Norm of the difference over the norm of `want`.
inline double relative_error(const at::Tensor &got, const at::Tensor &want) {
  return ((got - want).norm() / want.norm()).item<double>();
}

}  // namespace kvern::test
