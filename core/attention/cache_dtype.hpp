// Keys or values in the dtype of a cache.
#pragma once
#include <kvern/dtype.hpp>
#include <kvern/heads_view.hpp>

#include "devices/queue.hpp"

namespace kvern {

/// Memory for one tensor that is converted layer by layer; it grows to the largest and stays.
class CacheDtype {
 public:
  CacheDtype(Queue &queue, Dtype dtype) : queue_(queue), dtype_(dtype) {}

  struct Converted {
    void *data;
    HeadsView view;  ///< shape and strides; its data is not used
  };
  /// x as dtype: x itself where that is float32, else contiguous memory, valid until the next call.
  Converted operator()(const HeadsView &x);

 private:
  Queue &queue_;
  Dtype dtype_;
  DeviceMemory memory_;
};

/// Throws Error(internal) for a dtype that kernels do not compute with.
kernels::Dtype to_kernel(Dtype dtype);

}  // namespace kvern
