// The level of every code.
#include "core/kernels/quant/format.hpp"

#include <array>

namespace kvern::kernels::quant {
namespace {

constexpr std::array<int8_t, 2> kOneBit = {-127, 127};
constexpr std::array<int8_t, 4> kTwoBits = {-127, -38, 38, 127};
constexpr std::array<int8_t, 8> kThreeBits = {-127, -79, -45, -14, 14, 45, 79, 127};
constexpr std::array<int8_t, 16> kFourBits = {-127, -96, -75, -58, -44, -31, -18, -6,
                                              6,    18,  31,  44,  58,  75,  96,  127};

constexpr std::array<int8_t, 256> even_levels() {
  std::array<int8_t, 256> out{};
  for (int code = 0; code < 256; ++code) out[static_cast<size_t>(code)] = static_cast<int8_t>(code - 128);
  return out;
}
constexpr std::array<int8_t, 256> kEightBits = even_levels();

}  // namespace

const int8_t *levels(int bits) {
  switch (bits) {
    case 1:
      return kOneBit.data();
    case 2:
      return kTwoBits.data();
    case 3:
      return kThreeBits.data();
    case 4:
      return kFourBits.data();
    default:
      return kEightBits.data();
  }
}

}  // namespace kvern::kernels::quant
