// A tensor of a model file as the blocks use it: where its elements are and of which dtype. Owns nothing but
// a share of the memory they lie in.
#pragma once
#include <cstdint>
#include <kvern/dtype.hpp>
#include <memory>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/weights/format.hpp"

namespace kvern {
class Queue;
}

namespace kvern::models {

/// Row-major. Empty (data is null) where a model has no such tensor.
struct Weight {
  const void *data = nullptr;
  kernels::Dtype dtype = kernels::Dtype::f32;
  std::vector<int64_t> shape;
  std::shared_ptr<const void> owner;

  explicit operator bool() const { return data != nullptr; }
  int64_t size() const {
    int64_t n = 1;
    for (int64_t extent : shape) n *= extent;
    return n;
  }
};

/// A matrix of 8 or 4 bits, and the memory that it points into. Empty where a matrix is not packed.
struct PackedWeight {
  kernels::PackedMatrix matrix;
  std::shared_ptr<const void> owner;

  explicit operator bool() const { return static_cast<bool>(matrix); }
};

/// The weight itself on a CPU: mapped, or converted; else a copy in memory of the device.
Weight on_device(const Weight &host, Queue &queue);

/// f32, bf16 and f16 of the host's types; throws Error(internal) for any other.
kernels::Dtype kernel_dtype(Dtype dtype);
Dtype host_dtype(kernels::Dtype dtype);

}  // namespace kvern::models
