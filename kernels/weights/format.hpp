// Weight matrices of 8 or 4 bits, laid out for integer dot products; a file holds them as memory does.
//
// 16 rows (outputs) are a panel, 32 inputs a block; a panel is its blocks one after the other. Quad q of a block is inputs 4 q to
// 4 q + 3 of the 16 rows: byte 4 r + i belongs to row r, input 4 q + i. 8 bits: the 8 quads, 64 bytes from -127 to 127 each. 4 bits: byte j of
// vector v (64 bytes, 4 of them) holds that of quad 2 v in its low half and that of quad 2 v + 1 in its high half. Rows behind the last
// one are zero.
//
//   8 bits: w = scale * code;  4 bits: w = scale * (level[code] - zero)
//
// The zero of a group of 4 bits is that of the matrix, one of `zeros`, or shares 16 bits with the scale: above a scale of 10 bits, which are
// the exponent of a positive f16 and the first five bits of its mantissa, in units of 1 / 32; below a zero of 6 bits.
#pragma once
#include <array>
#include <cstdint>

#include "kernels/dtype.hpp"

namespace kvern::kernels {

inline constexpr int64_t kPanelRows = 16, kBlockInputs = 32;
/// Levels are small enough that 16 bits hold the sum of four products with signed bytes.
inline constexpr int kMaxLevel = 63;

using Levels = std::array<uint8_t, 16>;
/// Steps of equal width: level i is i.
inline constexpr Levels kEvenLevels = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
/// For normally distributed weights: dense around the zero, 34.
inline constexpr Levels kNormalLevels = {0, 7, 12, 17, 21, 25, 28, 31, 35, 38, 41, 44, 47, 51, 56, 63};
inline constexpr uint8_t kNormalZero = 34;

/// A scale and a zero in 16 bits. Scales have a unit because those of weights are small: without it the range of a group below 0.004
/// would leave its scale fewer bits.
inline constexpr int kZeroBits = 6, kMaxZero = (1 << kZeroBits) - 1;
inline constexpr int kScaleStep = 1 << 5;  // of the bits of an f16
inline constexpr float kScaleUnit = 1.0f / 32;
/// `scale`: in steps; `zero`: from 0 to kMaxZero.
inline uint16_t scale_and_zero(int scale, int zero) {
  return static_cast<uint16_t>(scale << kZeroBits | zero);
}
inline float scale_of(uint16_t word) {
  return f16_to_f32(static_cast<uint16_t>((word >> kZeroBits) * kScaleStep)) * kScaleUnit;
}
inline int zero_of(uint16_t word) { return word & kMaxZero; }

/// [n, k]. Pointers are borrowed; k is a multiple of `group`, which is a multiple of 32.
struct PackedMatrix {
  int64_t n = 0, k = 0;
  int bits = 0;  ///< 8 or 4; 0: there is no matrix
  int64_t group = kBlockInputs;
  const uint8_t *codes = nullptr;    ///< code_bytes()
  const uint16_t *scales = nullptr;  ///< [panels, k / group, 16]: f16 or, with has_offsets, of scale_and_zero
  bool has_offsets = false;          ///< each scale has a zero in its low bits; 4 bits only
  const uint8_t *zeros = nullptr;    ///< [panels, k / group, 16], at most 63; nullable; 4 bits only
  uint8_t zero = kNormalZero;        ///< of all groups, where neither is; 4 bits only
  Levels levels = kNormalLevels;     ///< ascending, at most 63; 4 bits only
  const int32_t *order = nullptr;    ///< [k], nullable: input order[i] of x meets column i

  explicit operator bool() const { return bits != 0; }
  float scale_unit() const { return has_offsets ? kScaleUnit : 1.0f; }
  bool has_zeros() const { return has_offsets || zeros; }  ///< of each group
  int64_t panels() const { return (n + kPanelRows - 1) / kPanelRows; }
  int64_t groups() const { return k / group; }
  int64_t panel_bytes() const { return k * kPanelRows * bits / 8; }
  int64_t code_bytes() const { return panels() * panel_bytes(); }
  int64_t scale_count() const { return panels() * groups() * kPanelRows; }
  /// Of codes, scales and zeros.
  int64_t bytes() const { return code_bytes() + scale_count() * (zeros ? 3 : 2); }
};

/// Index of the scale, and of the zero, of row `row` at column `column`.
inline int64_t scale_index(const PackedMatrix &w, int64_t row, int64_t column) {
  return (row / kPanelRows * w.groups() + column / w.group) * kPanelRows + row % kPanelRows;
}

/// The scale and the zero of a group, of which scale_index() is `place`.
inline float group_scale(const PackedMatrix &w, int64_t place) {
  return w.has_offsets ? scale_of(w.scales[place]) : f16_to_f32(w.scales[place]);
}
inline int group_zero(const PackedMatrix &w, int64_t place) {
  if (w.has_offsets) return zero_of(w.scales[place]);
  return w.zeros ? w.zeros[place] : w.zero;
}

/// Byte of a code; of 4 bits `high` says which half.
struct CodeOffset {
  int64_t byte;
  bool high;
};
CodeOffset code_offset(const PackedMatrix &w, int64_t row, int64_t column);

/// Columns [0, k) of a row, dequantized, in the order of x: element order[i] is column i. Reference implementation of reading.
void dequantize_row(const PackedMatrix &w, int64_t row, float *out);

}  // namespace kvern::kernels
