// Convolution along the time axis as one matrix product: with the channels of a frame side by side, the frames under a kernel are
// one row of the product.
#pragma once
#include "runtime/models/layers/projection.hpp"

namespace kvern::models {

/// torch.nn.Conv1d with padding (kernel - 1) / 2. Immutable once made.
class Conv1d {
 public:
  /// weight [out, in, kernel] as the file has it, in host memory; bias [out], where the queue is.
  Conv1d(const Weight &weight, const Weight &bias, int64_t stride, Queue &queue);

  int64_t in() const { return in_; }
  int64_t out() const { return matrix_.out(); }
  /// Frames of zeros that x has before its first frame and after its last.
  int64_t padding() const { return (kernel_ - 1) / 2; }
  int64_t frames(int64_t n) const { return (n + 2 * padding() - kernel_) / stride_ + 1; }
  /// y [frames(n), out] of x [padding + n + padding, in], whose rows are contiguous and which may be rounded in place.
  void operator()(const MatrixView &x, const MatrixView &y, Queue &queue) const;

 private:
  int64_t in_, kernel_, stride_;
  Matrix matrix_;  // [out, kernel * in]
};

}  // namespace kvern::models
