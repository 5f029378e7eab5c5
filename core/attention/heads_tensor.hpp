// DLTensors over views, for the calls of a cache.
#pragma once
#include <dlpack/dlpack.h>

#include <kvern/dtype.hpp>
#include <kvern/heads_view.hpp>

namespace kvern {

/// A DLTensor of up to 4 dimensions that owns its shape and strides, and borrows the elements. Neither copied nor moved.
struct TensorDesc {
  int64_t shape[4], strides[4];
  DLTensor dl;

  TensorDesc(void *data, Dtype dtype, DLDevice device, const HeadsView &v)
      : shape{v.rows, v.heads, v.tokens, v.dim},
        strides{v.row_stride, v.head_stride, v.token_stride, 1},
        dl{data, device, 4, to_dlpack(dtype), shape, strides, 0} {}
  TensorDesc(const TensorDesc &) = delete;
  TensorDesc &operator=(const TensorDesc &) = delete;
};

}  // namespace kvern
