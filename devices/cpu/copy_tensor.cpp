// Recursive over the dimensions; the last one is a row of the convert kernel, or bytes.
#include "devices/cpu/copy_tensor.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <optional>
#include <stdexcept>

#include "kernels/elementwise.hpp"

namespace kvern {
namespace {

std::optional<kernels::Dtype> float_type(DLDataType type) {
  if (type.lanes != 1) return std::nullopt;
  if (type.code == kDLFloat && type.bits == 32) return kernels::Dtype::f32;
  if (type.code == kDLFloat && type.bits == 16) return kernels::Dtype::f16;
  if (type.code == kDLBfloat && type.bits == 16) return kernels::Dtype::bf16;
  return std::nullopt;
}

bool same(DLDataType a, DLDataType b) { return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes; }

int64_t element_bytes(DLDataType type) { return (int64_t{type.bits} * type.lanes + 7) / 8; }

int64_t stride_of(const DLTensor &t, int dim) {
  if (t.strides) return t.strides[dim];
  int64_t stride = 1;
  for (int i = dim + 1; i < t.ndim; ++i) stride *= t.shape[i];
  return stride;
}

class Copy {
 public:
  Copy(const DLTensor &from, const DLTensor &to) : from_(from), to_(to), equal_(same(from.dtype, to.dtype)) {
    if (from.ndim != to.ndim || !std::equal(from.shape, from.shape + from.ndim, to.shape))
      throw std::invalid_argument("copy: the tensors' shapes differ");
    if (!equal_ && !(float_type(from.dtype) && float_type(to.dtype)))
      throw std::invalid_argument("copy: only float32, float16 and bfloat16 are converted to each other");
  }
  void run() const {
    for (int i = 0; i < from_.ndim; ++i)
      if (from_.shape[i] == 0) return;
    copy_from(0, static_cast<const char *>(from_.data) + from_.byte_offset,
              static_cast<char *>(to_.data) + to_.byte_offset);
  }

 private:
  void copy_from(int dim, const char *from, char *to) const {
    const int64_t n = dim < from_.ndim ? from_.shape[dim] : 1;
    if (dim + 1 >= from_.ndim && is_row(dim)) return copy_row(n, from, to);
    const int64_t from_step = dim < from_.ndim ? stride_of(from_, dim) * element_bytes(from_.dtype) : 0;
    const int64_t to_step = dim < to_.ndim ? stride_of(to_, dim) * element_bytes(to_.dtype) : 0;
    for (int64_t i = 0; i < n; ++i) {
      if (dim + 1 >= from_.ndim)
        copy_row(1, from + i * from_step, to + i * to_step);
      else
        copy_from(dim + 1, from + i * from_step, to + i * to_step);
    }
  }
  bool is_row(int dim) const {
    return dim >= from_.ndim || (stride_of(from_, dim) == 1 && stride_of(to_, dim) == 1);
  }
  void copy_row(int64_t n, const char *from, char *to) const {
    if (equal_) {
      std::memcpy(to, from, static_cast<size_t>(n * element_bytes(from_.dtype)));
      return;
    }
    kernels::ConvertCall call;
    call.rows = 1;
    call.dim = call.from_stride = call.to_stride = n;
    call.from = from;
    call.from_type = *float_type(from_.dtype);
    call.to = to;
    call.to_type = *float_type(to_.dtype);
    kernels::convert(call, kernels::serial());
  }

  const DLTensor &from_, &to_;
  bool equal_;
};

}  // namespace

void copy_tensor(const DLTensor &from, const DLTensor &to) { Copy(from, to).run(); }

}  // namespace kvern
