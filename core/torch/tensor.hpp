// LibTorch's tensors at the border to caches and kernels: borrowed views, and dtypes.
#pragma once
#include <ATen/core/Tensor.h>
#include <array>
#include <kvern/dtype.hpp>
#include <kvern/heads_view.hpp>

namespace kvern {

/// A DLTensor that describes a tensor of up to 4 dimensions; borrows its memory and must not outlive it or
/// move.
class DLTensorView {
 public:
  explicit DLTensorView(const at::Tensor &tensor);
  DLTensorView(const DLTensorView &) = delete;
  DLTensorView &operator=(const DLTensorView &) = delete;
  DLTensor *dl() { return &dl_; }

 private:
  std::array<int64_t, 4> shape_, strides_;
  DLTensor dl_;
};

at::ScalarType to_torch(Dtype type);
Dtype from_torch(at::ScalarType type);

/// A float32 tensor [rows, heads, tokens, dim] whose last stride is 1; borrows its memory. Throws Error(internal) for others.
HeadsView heads_view(const at::Tensor &tensor);

}  // namespace kvern
