// LibTorch's tensors at the border to caches and kernels: borrowed descriptions both ways, and number
// formats.
#pragma once
#include <array>
#include <kvern/dtype.hpp>

#include "kernels/dtype.hpp"
#include "core/torch/torch.hpp"

namespace kvern {

/// A DLTensor that describes a tensor of up to 4 dimensions; borrows its memory and must not outlive it or
/// move.
class Borrowed {
 public:
  explicit Borrowed(const at::Tensor &tensor);
  Borrowed(const Borrowed &) = delete;
  Borrowed &operator=(const Borrowed &) = delete;
  DLTensor *dl() { return &dl_; }

 private:
  std::array<int64_t, 4> shape_, strides_;
  DLTensor dl_;
};

at::ScalarType to_torch(Dtype type);
Dtype from_torch(at::ScalarType type);

/// Throws Error(internal) for a format that kernels do not compute with.
kernels::Dtype to_kernel(Dtype type);

}  // namespace kvern
