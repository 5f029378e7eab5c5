// Copies of tensors on a device and to and from the host, in the order of a stream: what kvern.device/1 and Queue::copy are made of.
#pragma once
#include <dlpack/dlpack.h>

#include <cstdint>
#include <utility>

#include "devices/cuda/driver.hpp"
#include "devices/cuda/kernels.hpp"

namespace kvern::device {

/// Memory for the calls given to a stream while this object lives.
class Temporary {
 public:
  /// Throws std::bad_alloc.
  Temporary(Driver &driver, std::size_t bytes, void *stream);
  Temporary(Temporary &&other) noexcept
      : driver_(other.driver_), data_(std::exchange(other.data_, nullptr)), stream_(other.stream_) {}
  ~Temporary();
  Temporary &operator=(const Temporary &) = delete;
  void *data() const { return data_; }

 private:
  Driver &driver_;
  void *data_, *stream_;
};

/// Throw std::invalid_argument for tensors that do not fit.
class TensorMoves {
 public:
  explicit TensorMoves(Driver &driver) : driver_(driver) {}
  void copy(const DLTensor &from, const DLTensor &to, void *stream) const;
  void zero(const DLTensor &to, void *stream) const;
  void take(const DLTensor &from, int axis, const int64_t *index, int64_t n, const DLTensor &to,
            void *stream) const;
  void move(const DLTensor &tensor, int axis, int64_t begin, int64_t end, int64_t to, void *stream) const;

 private:
  void copy_on_device(const DLTensor &from, const DLTensor &to, void *stream) const;
  void copy_from_host(const DLTensor &from, const DLTensor &to, void *stream) const;
  void copy_to_host(const DLTensor &from, const DLTensor &to, void *stream) const;

  Driver &driver_;
};

}  // namespace kvern::device
