// What a group of a row is stored with, for the least squared error: of 8 bits a scale, of 4 bits a scale and a zero.
#pragma once
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/weights/format.hpp"

namespace kvern::kernels {

/// A group of a row, and what the squared error of each element counts (nullable: all the same).
struct Group {
  const float *x, *importance;
  int64_t n;

  float weight(int64_t i) const { return importance ? importance[i] : 1.0f; }
};

/// 8 bits: the code nearest to an element over its scale.
inline int nearest_code(float x) {
  constexpr float kToEven =
      12582912.0f;  // 3 * 2^22: a float of that size has no fraction; no call of the library
  return static_cast<int>((std::clamp(x, -127.0f, 127.0f) + kToEven) - kToEven);
}

/// The scale of least error that is found, as f16.
uint16_t fit_scale(const Group &group);

/// Which of 16 levels is nearest.
class LevelTable {
 public:
  explicit LevelTable(const Levels &levels);

  const Levels &levels() const { return levels_; }
  int code(float x) const { return codes_[index(x)]; }
  float level(float x) const { return nearest_[index(x)]; }

 private:
  static constexpr int kSteps = 16;  // of the tables, in each level
  static constexpr float kHalfStep = 0.5f / kSteps;
  uint32_t index(float x) const {
    return static_cast<uint32_t>(static_cast<int>((std::min(std::max(x, 0.0f), top_) + kHalfStep) * kSteps));
  }

  Levels levels_;
  float top_;
  std::array<uint8_t, kMaxLevel * kSteps + 1> codes_{};
  std::array<float, kMaxLevel * kSteps + 1> nearest_{};
};

/// The scale and the zero of least error that are found, as scale_and_zero().
uint16_t fit_scale_and_zero(const Group &group, const LevelTable &table);

/// What `word`, a scale_and_zero(), loses of the group.
double squared_error(const Group &group, const LevelTable &table, uint16_t word);

/// 1 / scale; 0 of a scale that is 0.
inline float inverse_of(float scale) { return scale == 0.0f ? 0.0f : 1.0f / scale; }

}  // namespace kvern::kernels
