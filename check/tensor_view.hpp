// Elements of borrowed tensors of float32, bfloat16 or float16, and the positions of a view. Tensors are [B, H, T, D].
#pragma once
#include <kvern/abi/cache_abi.h>

#include <bit>
#include <cmath>
#include <vector>

namespace kvern::conformance {

inline bool same_type(DLDataType a, DLDataType b) {
  return a.code == b.code && a.bits == b.bits && a.lanes == b.lanes;
}
inline bool is_float32(DLDataType type) {
  return type.code == kDLFloat && type.bits == 32 && type.lanes == 1;
}
inline bool is_bfloat16(DLDataType type) {
  return type.code == kDLBfloat && type.bits == 16 && type.lanes == 1;
}

/// Whether a tensor has this type and shape, and elements of a vector side by side: only then may it be read by what follows.
inline bool is_shaped(const DLTensor &tensor, DLDataType type, int64_t rows, int64_t heads, int64_t tokens,
                      int64_t dim) {
  const int64_t *shape = tensor.shape;
  return tensor.ndim == 4 && shape && same_type(tensor.dtype, type) && shape[0] == rows &&
         shape[1] == heads && shape[2] == tokens && shape[3] == dim &&
         (!tensor.strides || dim <= 1 || tensor.strides[3] == 1);
}

/// Stride of an axis in elements; no strides means contiguous.
inline int64_t stride_of(const DLTensor &tensor, int axis) {
  if (tensor.strides) return tensor.strides[axis];
  int64_t stride = 1;
  for (int i = tensor.ndim - 1; i > axis; --i) stride *= tensor.shape[i];
  return stride;
}

inline std::byte *data_of(const DLTensor &tensor) {
  return static_cast<std::byte *>(tensor.data) + tensor.byte_offset;
}

/// Where element [row, head, token, 0] is, counted in elements.
inline int64_t offset_of(const DLTensor &tensor, int64_t row, int64_t head, int64_t token) {
  return row * stride_of(tensor, 0) + head * stride_of(tensor, 1) + token * stride_of(tensor, 2);
}

inline float from_half(uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  const float sign = bits & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}
inline float from_bfloat16(uint16_t bits) { return std::bit_cast<float>(uint32_t{bits} << 16); }
inline uint16_t to_bfloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

/// Element `at` of memory of this type.
inline float load(const std::byte *data, DLDataType type, int64_t at) {
  if (type.bits == 32) return reinterpret_cast<const float *>(data)[at];
  const uint16_t bits = reinterpret_cast<const uint16_t *>(data)[at];
  return type.code == kDLBfloat ? from_bfloat16(bits) : from_half(bits);
}

inline float read_element(const DLTensor &tensor, int64_t row, int64_t head, int64_t token, int64_t dim) {
  return load(data_of(tensor), tensor.dtype,
              offset_of(tensor, row, head, token) + dim * stride_of(tensor, 3));
}
/// Elements 0 .. out.size() - 1 of a vector.
inline void read_vector(const DLTensor &tensor, int64_t row, int64_t head, int64_t token,
                        std::vector<float> &out) {
  const int64_t first = offset_of(tensor, row, head, token);
  for (std::size_t d = 0; d < out.size(); ++d)
    out[d] = load(data_of(tensor), tensor.dtype, first + static_cast<int64_t>(d));
}
/// In float32 or bfloat16, to nearest.
inline void write_element(const DLTensor &tensor, int64_t row, int64_t head, int64_t token, int64_t dim,
                          double value) {
  const int64_t at = offset_of(tensor, row, head, token) + dim * stride_of(tensor, 3);
  if (is_float32(tensor.dtype))
    reinterpret_cast<float *>(data_of(tensor))[at] = static_cast<float>(value);
  else
    reinterpret_cast<uint16_t *>(data_of(tensor))[at] = to_bfloat16(static_cast<float>(value));
}
/// The float in a tensor of float32.
inline float &at(const DLTensor &tensor, int64_t row, int64_t head, int64_t token, int64_t dim) {
  return reinterpret_cast<float *>(
      data_of(tensor))[offset_of(tensor, row, head, token) + dim * stride_of(tensor, 3)];
}

inline double squared_norm(const float *x, int64_t dim) {
  double sum = 0;
  for (int64_t d = 0; d < dim; ++d) sum += double{x[d]} * x[d];
  return sum;
}

/// The position of a slot as a view says.
inline int64_t key_position(const kvern_view &view, int64_t row, int64_t head, int64_t slot) {
  if (!view.key_pos) return view.first_pos[row] + slot;
  return view.key_pos[row * view.row_stride + head * view.head_stride + slot];
}

}  // namespace kvern::conformance
