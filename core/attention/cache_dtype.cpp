#include "core/attention/cache_dtype.hpp"

#include <kvern/error.hpp>
#include <string>

namespace kvern {

kernels::Dtype to_kernel(Dtype dtype) {
  switch (dtype) {
    case Dtype::f32:
      return kernels::Dtype::f32;
    case Dtype::f16:
      return kernels::Dtype::f16;
    case Dtype::bf16:
      return kernels::Dtype::bf16;
    default:
      throw Error(ErrorKind::internal, "kernels do not compute with " + std::string(dtype_name(dtype)));
  }
}

CacheDtype::Converted CacheDtype::operator()(const HeadsView &x) {
  if (dtype_ == Dtype::f32) return {x.data, x};
  HeadsView to = x;
  to.token_stride = x.dim;
  to.head_stride = x.tokens * x.dim;
  to.row_stride = x.heads * to.head_stride;
  const auto bytes = static_cast<size_t>(x.rows * to.row_stride) * dtype_size(dtype_);
  if (memory_.bytes() < bytes) memory_ = queue_.take(bytes);
  kernels::ConvertCall call;
  call.dim = x.dim;
  call.to_type = to_kernel(dtype_);
  // a kernel's rows are the tokens of a head, or, of few tokens, the heads of a token
  const bool by_head = x.tokens >= x.heads;
  call.rows = by_head ? x.tokens : x.heads;
  call.from_stride = by_head ? x.token_stride : x.head_stride;
  call.to_stride = by_head ? to.token_stride : to.head_stride;
  for (int64_t r = 0; r < x.rows; ++r)
    for (int64_t i = 0; i < (by_head ? x.heads : x.tokens); ++i) {
      call.from = x.data + r * x.row_stride + i * (by_head ? x.head_stride : x.token_stride);
      call.to = kernels::element_at(memory_.data(), call.to_type,
                                    r * to.row_stride + i * (by_head ? to.head_stride : to.token_stride));
      queue_.convert(call);
    }
  return {memory_.data(), to};
}

}  // namespace kvern
