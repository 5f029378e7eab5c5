#include "runtime/models/layers/conv1d.hpp"

#include <cstring>
#include <new>

namespace kvern::models {
namespace {

/// [out, in, kernel] to [out, kernel, in], of the same dtype.
Weight by_frame(const Weight &weight) {
  const int64_t out = weight.shape[0], in = weight.shape[1], kernel = weight.shape[2];
  const auto size = static_cast<std::size_t>(kernels::size_of(weight.dtype));
  const std::shared_ptr<std::byte> memory(
      static_cast<std::byte *>(
          ::operator new(static_cast<std::size_t>(weight.size()) * size, std::align_val_t(64))),
      [](std::byte *p) { ::operator delete(p, std::align_val_t(64)); });
  const auto *from = static_cast<const std::byte *>(weight.data);
  std::byte *to = memory.get();
  for (int64_t o = 0; o < out; ++o)
    for (int64_t k = 0; k < kernel; ++k)
      for (int64_t i = 0; i < in; ++i, to += size)
        std::memcpy(to, from + static_cast<std::size_t>((o * in + i) * kernel + k) * size, size);
  return {memory.get(), weight.dtype, {out, kernel * in}, memory};
}

}  // namespace

Conv1d::Conv1d(const Weight &weight, const Weight &bias, int64_t stride, Queue &queue)
    : in_(weight.shape[1]),
      kernel_(weight.shape[2]),
      stride_(stride),
      matrix_{on_device(by_frame(weight), queue), bias, kernels::WeightLayout::n_k, {}} {}

void Conv1d::operator()(const MatrixView &x, const MatrixView &y, Queue &queue) const {
  project(matrix_, {x.data, frames(x.rows - 2 * padding()), stride_ * in_}, y, Into::replace, queue);
}

}  // namespace kvern::models
