// Borrowed tensors: reading a DLTensor, describing an exported one, copying keys and values. It owns no data.
#pragma once
#include <array>
#include <cstddef>
#include <cstring>
#include <kvern/sdk/failure.hpp>

KVERN_SDK_BEGIN

inline bool same_type(DLDataType a, DLDataType b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}

/// Bytes of one element; 0 for types of less than a byte.
inline int64_t element_bytes(DLDataType type) { return int64_t{type.bits} * type.lanes / 8; }

/// Address of the first element.
inline std::byte *data_of(const DLTensor &tensor) {
  return static_cast<std::byte *>(tensor.data) + tensor.byte_offset;
}

/// Stride of an axis in elements; no strides means contiguous.
inline int64_t stride_of(const DLTensor &tensor, int axis) {
  if (tensor.strides) return tensor.strides[axis];
  int64_t stride = 1;
  for (int i = tensor.ndim - 1; i > axis; --i) stride *= tensor.shape[i];
  return stride;
}

/// Some rows and slots of a borrowed tensor [B, H, T, D], described without copying. It owns shape and strides: it must stay
/// where it is for as long as the description is used.
class TensorSlice {
 public:
  struct Range {
    int64_t begin, count;
  };
  TensorSlice(const DLTensor &whole, Range rows, Range slots)
      : shape_{rows.count, whole.shape[1], slots.count, whole.shape[3]}, slice_(whole) {
    for (int axis = 0; axis < 4; ++axis) strides_[axis] = stride_of(whole, axis);
    const int64_t skipped = rows.begin * strides_[0] + slots.begin * strides_[2];
    slice_.byte_offset += static_cast<uint64_t>(skipped * element_bytes(whole.dtype));
    slice_.shape = shape_.data();
    slice_.strides = strides_.data();
  }
  TensorSlice(const TensorSlice &) = delete;

  const DLTensor &tensor() const { return slice_; }

 private:
  std::array<int64_t, 4> shape_, strides_{};
  DLTensor slice_;
};

/// Descriptor of an exported tensor [B, H, T, D]: it owns shape and strides, the caller's DLTensor points at them. The last
/// stride is 1. It must outlive the use of what it exported, in place.
class OutTensor {
 public:
  OutTensor() = default;
  OutTensor(const OutTensor &) {}
  OutTensor &operator=(const OutTensor &) { return *this; }

  /// strides: of B, H and T, in elements.
  void export_to(DLTensor *out, void *data, DLDevice device, DLDataType type,
                 const std::array<int64_t, 4> &shape, const std::array<int64_t, 3> &strides) {
    shape_ = shape;
    strides_ = {strides[0], strides[1], strides[2], 1};
    *out = DLTensor{data, device, 4, type, shape_.data(), strides_.data(), 0};
  }
  /// Contiguous.
  void export_to(DLTensor *out, void *data, DLDevice device, DLDataType type,
                 const std::array<int64_t, 4> &shape) {
    export_to(out, data, device, type, shape,
              {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3]});
  }

  // The name that plugins written against kvern 1.0 use.
  void hand_out(DLTensor *out, void *data, DLDevice device, DLDataType type,
                const std::array<int64_t, 4> &shape, const std::array<int64_t, 3> &strides) {
    export_to(out, data, device, type, shape, strides);
  }
  void hand_out(DLTensor *out, void *data, DLDevice device, DLDataType type,
                const std::array<int64_t, 4> &shape) {
    export_to(out, data, device, type, shape);
  }

 private:
  std::array<int64_t, 4> shape_{};
  std::array<int64_t, 4> strides_{};
};

/// A block of memory [B, H, T, D] with the last stride 1; strides of the others in bytes.
struct Block {
  std::byte *data;
  int64_t row_stride, head_stride, slot_stride;
};

inline Block block_of(const DLTensor &tensor) {
  const int64_t bytes = element_bytes(tensor.dtype);
  return {data_of(tensor), stride_of(tensor, 0) * bytes, stride_of(tensor, 1) * bytes,
          stride_of(tensor, 2) * bytes};
}

/// Copies [rows, heads, slots, width bytes] from one block to another; they do not overlap.
inline void copy_block(const Block &from, const Block &to, int64_t rows, int64_t heads, int64_t slots,
                       int64_t width) {
  const bool dense = from.slot_stride == width && to.slot_stride == width;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t head = 0; head < heads; ++head) {
      const std::byte *source = from.data + row * from.row_stride + head * from.head_stride;
      std::byte *target = to.data + row * to.row_stride + head * to.head_stride;
      if (dense) {
        std::memcpy(target, source, static_cast<std::size_t>(slots * width));
        continue;
      }
      for (int64_t slot = 0; slot < slots; ++slot) {
        std::memcpy(target + slot * to.slot_stride, source + slot * from.slot_stride,
                    static_cast<std::size_t>(width));
      }
    }
  }
}

KVERN_SDK_END
