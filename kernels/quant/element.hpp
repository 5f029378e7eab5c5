// Codes, scales and elements of a block one at a time, as format.hpp defines them: for reference
// implementations, tests and tables, not for inner loops.
#pragma once
#include "kernels/dtype.hpp"
#include "kernels/quant/format.hpp"

namespace kvern::kernels::quant {

inline const TensorFormat &format_of(const BlockFormat &format, bool keys) {
  return keys ? format.key : format.value;
}
inline const TensorLayout &layout_of(const BlockFormat &format, bool keys) {
  return keys ? format.key_layout : format.value_layout;
}

/// Where the code of a token's channel is: code `index` of unit `unit`. channel < dim_padded.
struct CodeOffset {
  int64_t unit, index;
};
inline CodeOffset code_offset(const BlockFormat &format, bool keys, int64_t token, int64_t channel) {
  const int64_t dim = layout_of(format, keys).dim_padded;
  if (keys) return {token / 16 * (dim / 4) + channel / 4, token % 16 * 4 + channel % 4};
  return {token / 4 * (dim / 16) + channel / 16, channel % 16 * 4 + token % 4};
}

/// Which scale (and zero) a token's channel has: an index into the block's scales.
inline int64_t scale_index(const BlockFormat &format, bool keys, int64_t token, int64_t channel) {
  const TensorFormat &tensor = format_of(format, keys);
  const int64_t stride = layout_of(format, keys).group_stride;
  if (tensor.axis == Axis::token) return channel / tensor.group * stride + token;
  return token / tensor.group * stride + channel;
}

namespace detail {
/// The field of `bits` (4, 2 or 1) that a code has among bytes shared by 8 / bits units.
struct Field {
  int64_t byte;
  int shift;
};
inline Field field_of(CodeOffset place, int bits) {
  const int64_t shared = 8 / bits;
  return {place.unit / shared * 64 + place.index, static_cast<int>(place.unit % shared) * bits};
}
inline int get_field(const std::byte *codes, CodeOffset place, int bits) {
  const Field field = field_of(place, bits);
  return static_cast<int>(codes[field.byte]) >> field.shift & ((1 << bits) - 1);
}
inline void set_field(std::byte *codes, CodeOffset place, int bits, int code) {
  const Field field = field_of(place, bits);
  const int mask = ((1 << bits) - 1) << field.shift;
  const int kept = static_cast<int>(codes[field.byte]) & ~mask;
  codes[field.byte] = static_cast<std::byte>(kept | (code << field.shift & mask));
}
/// With 3 bits: where the third bits begin, after the low two of all codes.
inline int64_t third_bits(const TensorLayout &layout) { return layout.units * 16; }
}  // namespace detail

/// The code, 0 to 2^bits - 1, of a token's channel.
inline int code_at(const BlockFormat &format, bool keys, const std::byte *block, int64_t token,
                   int64_t channel) {
  const TensorLayout &layout = layout_of(format, keys);
  const CodeOffset place = code_offset(format, keys, token, channel);
  const std::byte *codes = block + layout.codes;
  const int bits = format_of(format, keys).bits;
  if (bits == 8) return static_cast<int>(codes[place.unit * 64 + place.index]);
  if (bits != 3) return detail::get_field(codes, place, bits);
  const int high = detail::get_field(codes + detail::third_bits(layout), place, 1);
  return detail::get_field(codes, place, 2) | high << 2;
}

inline void set_code(const BlockFormat &format, bool keys, std::byte *block, int64_t token, int64_t channel,
                     int code) {
  const TensorLayout &layout = layout_of(format, keys);
  const CodeOffset place = code_offset(format, keys, token, channel);
  std::byte *codes = block + layout.codes;
  const int bits = format_of(format, keys).bits;
  if (bits == 8) {
    codes[place.unit * 64 + place.index] = static_cast<std::byte>(code);
  } else if (bits != 3) {
    detail::set_field(codes, place, bits, code);
  } else {
    detail::set_field(codes, place, 2, code & 3);
    detail::set_field(codes + detail::third_bits(layout), place, 1, code >> 2);
  }
}

/// Scale `index` (see scale_index), and the zero that goes with it, zero_low included.
inline float scale_at(const BlockFormat &format, bool keys, const std::byte *block, int64_t index) {
  return load_element(block + layout_of(format, keys).scales, Dtype::f16, index);
}
inline float zero_at(const BlockFormat &format, bool keys, const std::byte *block, int64_t index) {
  const TensorLayout &layout = layout_of(format, keys);
  const float zero = load_element(block + layout.zeros, Dtype::f16, index);
  return layout.zeros_low < 0 ? zero : zero + load_element(block + layout.zeros_low, Dtype::f16, index);
}

/// Dequantized element; still Hadamard-rotated if the format is.
inline float value_at(const BlockFormat &format, bool keys, const std::byte *block, int64_t token,
                      int64_t channel) {
  const int64_t index = scale_index(format, keys, token, channel);
  const int level = levels(format_of(format, keys).bits)[code_at(format, keys, block, token, channel)];
  const double step = static_cast<double>(scale_at(format, keys, block, index)) / 127.0;
  return static_cast<float>(zero_at(format, keys, block, index) + step * level);
}

}  // namespace kvern::kernels::quant
