// The level of every code. The uneven ones are what train_levels.py finds: Lloyd's and Max's steps for a normal
// distribution, but for groups whose scale and zero are free, and lopsided, since a scale may be negative: so a group
// that leans to one side has steps that lean with it.
#include <array>
#include <limits>

#include "kernels/quant/quant_kernels.hpp"

namespace kvern::kernels::quant {
namespace {

constexpr std::array<int8_t, 2> kOneBit = {-127, 127};
constexpr std::array<int8_t, 4> kTwoBits = {-127, -47, 27, 127};
constexpr std::array<int8_t, 8> kThreeBits = {-127, -86, -53, -25, 4, 34, 70, 127};
constexpr std::array<int8_t, 16> kFourBits = {-127, -105, -86, -70, -56, -43, -31, -19,
                                              -7,   5,    19,  33,  49,  67,  92,  127};

constexpr std::array<int8_t, 256> even_levels() {
  std::array<int8_t, 256> out{};
  for (int code = 0; code < 256; ++code) out[static_cast<size_t>(code)] = static_cast<int8_t>(code - 128);
  return out;
}
constexpr std::array<int8_t, 256> kEightBits = even_levels();

template <size_t N>
constexpr NearestLevelTable make_nearest_levels(const std::array<int8_t, N> &level) {
  NearestLevelTable out{};
  size_t code = 0;
  for (int i = 0; i < 32; ++i) {
    const float end = kFirstCell + kCellWidth * static_cast<float>(i + 1);
    out.low[i] = out.high[i] = level[code];
    out.threshold[i] = std::numeric_limits<float>::infinity();
    if (code + 1 == N) continue;
    const float threshold = 0.5f * static_cast<float>(level[code] + level[code + 1]);
    if (threshold > end) continue;
    if (threshold < end - kCellWidth) throw "two thresholds share a cell";
    out.threshold[i] = threshold;
    out.high[i] = level[++code];
  }
  return out;
}
constexpr NearestLevelTable kNearestLevels[] = {make_nearest_levels(kOneBit), make_nearest_levels(kTwoBits),
                                                make_nearest_levels(kThreeBits),
                                                make_nearest_levels(kFourBits)};

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

const NearestLevelTable &cells(int bits) { return kNearestLevels[bits - 1]; }

}  // namespace kvern::kernels::quant
