#include "core/torch/tensor.hpp"

#include <kvern/error.hpp>
#include <string>

namespace kvern {

at::ScalarType to_torch(Dtype type) {
  switch (type) {
    case Dtype::f32:
      return at::kFloat;
    case Dtype::f16:
      return at::kHalf;
    case Dtype::bf16:
      return at::kBFloat16;
    case Dtype::i64:
      return at::kLong;
    case Dtype::i32:
      return at::kInt;
    case Dtype::u8:
      return at::kByte;
  }
  throw Error(ErrorKind::internal, "a dtype that LibTorch does not have");
}

Dtype from_torch(at::ScalarType type) {
  switch (type) {
    case at::kFloat:
      return Dtype::f32;
    case at::kHalf:
      return Dtype::f16;
    case at::kBFloat16:
      return Dtype::bf16;
    case at::kLong:
      return Dtype::i64;
    case at::kInt:
      return Dtype::i32;
    case at::kByte:
      return Dtype::u8;
    default:
      throw Error(ErrorKind::internal, std::string("a tensor of type ") + at::toString(type));
  }
}

DLTensorView::DLTensorView(const at::Tensor &tensor) : shape_{}, strides_{}, dl_{} {
  if (tensor.dim() > 4)
    throw Error(ErrorKind::internal, "a tensor of more than 4 dimensions at the border to a cache");
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    shape_[i] = tensor.size(i);
    strides_[i] = tensor.stride(i);
  }
  dl_.data = tensor.data_ptr();
  dl_.device = {kDLCPU, 0};
  dl_.ndim = static_cast<int32_t>(tensor.dim());
  dl_.dtype = to_dlpack(from_torch(tensor.scalar_type()));
  dl_.shape = shape_.data();
  dl_.strides = strides_.data();
}

HeadsView heads_view(const at::Tensor &tensor) {
  if (tensor.dim() != 4 || tensor.scalar_type() != at::kFloat ||
      (tensor.size(3) > 1 && tensor.stride(3) != 1))
    throw Error(ErrorKind::internal, "heads must be float32 [rows, heads, tokens, dim], last stride 1");
  return {tensor.data_ptr<float>(), tensor.size(0),   tensor.size(1),   tensor.size(2),
          tensor.size(3),           tensor.stride(0), tensor.stride(1), tensor.stride(2)};
}

}  // namespace kvern
