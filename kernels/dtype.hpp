// The dtypes that kernels read and write, and their scalar conversions (round to nearest, ties to even).
// Vectorised conversion of whole rows is in elementwise.hpp.
#pragma once
#include <bit>
#include <cstdint>

namespace kvern::kernels {

enum class Dtype : int32_t { f32 = 0, bf16 = 1, f16 = 2 };

/// Bytes of one element.
constexpr int64_t size_of(Dtype type) { return type == Dtype::f32 ? 4 : 2; }

constexpr const char *name_of(Dtype type) {
  return type == Dtype::f32 ? "f32" : type == Dtype::bf16 ? "bf16" : "f16";
}

inline float bf16_to_f32(uint16_t bits) { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }

inline uint16_t f32_to_bf16(float x) {
  uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((u >> 16) | 0x40u);  // NaN stays NaN
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

inline float f16_to_f32(uint16_t bits) {
  uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  uint32_t rest = static_cast<uint32_t>(bits & 0x7fffu) << 13;
  if (rest >= 0x0f800000u) return std::bit_cast<float>(sign | (rest + 0x70000000u));  // infinity, NaN
  // the exponents differ by 112: a multiplication also normalises what is subnormal in f16
  float magnitude = std::bit_cast<float>(rest) * std::bit_cast<float>(0x77800000u);
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
}

inline uint16_t f32_to_f16(float x) {
  uint32_t u = std::bit_cast<uint32_t>(x);
  uint16_t sign = static_cast<uint16_t>((u >> 16) & 0x8000u);
  u &= 0x7fffffffu;
  if (u > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u | ((u >> 13) & 0x1ffu));
  if (u >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds to infinity
  if (u < 0x38800000u) {  // subnormal in f16: adding 0.5 aligns the unit in the last place with that of f16
    float shifted = std::bit_cast<float>(u) + 0.5f;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
  }
  u += 0xc8000fffu + ((u >> 13) & 1u);
  return static_cast<uint16_t>(sign | (u >> 13));
}

/// Element `i` of an array of `type` as f32.
inline float load_element(const void *data, Dtype type, int64_t i) {
  if (type == Dtype::f32) return static_cast<const float *>(data)[i];
  uint16_t bits = static_cast<const uint16_t *>(data)[i];
  return type == Dtype::bf16 ? bf16_to_f32(bits) : f16_to_f32(bits);
}

/// Stores `x` as element `i` of an array of `type`.
inline void store_element(void *data, Dtype type, int64_t i, float x) {
  if (type == Dtype::f32) {
    static_cast<float *>(data)[i] = x;
  } else {
    static_cast<uint16_t *>(data)[i] = type == Dtype::bf16 ? f32_to_bf16(x) : f32_to_f16(x);
  }
}

/// Address of element `i`.
inline const void *element_at(const void *data, Dtype type, int64_t i) {
  return static_cast<const char *>(data) + i * size_of(type);
}
inline void *element_at(void *data, Dtype type, int64_t i) {
  return static_cast<char *>(data) + i * size_of(type);
}

}  // namespace kvern::kernels
