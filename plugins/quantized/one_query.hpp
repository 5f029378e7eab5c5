// Tensors of a request for attention, cut to one of its queries.
#pragma once
#include <kvern/sdk/kernel_call.hpp>
#include <kvern/sdk/tensor.hpp>

namespace kvern::quantized {

/// One query of a step: the tensor [B, H, n, D] cut to it.
class OneQuery {
 public:
  OneQuery(const DLTensor &all, int64_t query) : tensor(all) {
    const sdk::Block block = sdk::block_of(all);
    const int64_t bytes = sdk::element_bytes(all.dtype);
    shape_[0] = all.shape[0], shape_[1] = all.shape[1], shape_[2] = 1, shape_[3] = all.shape[3];
    strides_[0] = block.row_stride / bytes, strides_[1] = block.head_stride / bytes;
    strides_[2] = block.slot_stride / bytes, strides_[3] = 1;
    tensor.data = block.data + query * block.slot_stride;
    tensor.byte_offset = 0;
    tensor.shape = shape_;
    tensor.strides = strides_;
  }
  OneQuery(const OneQuery &) = delete;
  DLTensor tensor;

 private:
  int64_t shape_[4], strides_[4];
};

/// The bias of one query: [B or 1, H or 1, 1, columns].
class OneBias {
 public:
  OneBias(const DLTensor *all, int64_t query) : tensor(all ? *all : DLTensor{}) {
    if (!all) return;
    const auto strides = sdk::kernel_call_detail::strides_of(*all);
    const int64_t list[4] = {strides.row, strides.head, strides.pos, all->strides ? all->strides[3] : 1};
    for (int i = 0; i < 4; ++i) shape_[i] = all->shape[i], strides_[i] = list[i];
    tensor.byte_offset += static_cast<std::uint64_t>(shape_[2] > 1 ? query * strides_[2] : 0) * sizeof(float);
    shape_[2] = 1;
    tensor.shape = shape_;
    tensor.strides = strides_;
  }
  OneBias(const OneBias &) = delete;
  DLTensor tensor;

 private:
  int64_t shape_[4] = {}, strides_[4] = {};
};

}  // namespace kvern::quantized
