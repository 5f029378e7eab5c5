// Descent over the pairs of a scale and a zero that can be stored: from where the levels span the group's range, or a little less,
// to the best of the eight neighbours, until none is better. Every pair is judged by the error that it will have.
#include <cmath>

#include "kernels/weights/group_fit.hpp"

namespace kvern::kernels {
namespace {

constexpr float kSpans[] = {1.0f, 0.88f};
constexpr int kMaxMoves = 16;
constexpr int kFirstScale = 1, kEndScale = 31 * 32;  // steps of the scale: positive and finite

/// A scale in steps of kScaleStep, and a zero.
struct Pair {
  int scale = 0, zero = 0;

  uint16_t word() const { return scale_and_zero(scale, zero); }
  bool is_valid() const { return scale >= kFirstScale && scale < kEndScale && zero >= 0 && zero <= kMaxZero; }
};

struct Range {
  float low, high;

  explicit Range(const Group &g) : low(g.x[0]), high(g.x[0]) {
    for (int64_t i = 1; i < g.n; ++i) low = std::min(low, g.x[i]), high = std::max(high, g.x[i]);
  }
};

/// Where the levels span `part` of the range, around its middle; of a range too far from zero, as far as zeros go.
Pair first_guess(const Range &range, const Levels &levels, float part) {
  const auto first = static_cast<float>(levels.front()), last = static_cast<float>(levels.back());
  float scale = part * (range.high - range.low) / (last - first);
  float zero = (first + last) / 2 - (range.low + range.high) / 2 / scale;
  if (zero < 0.0f) scale = part * range.high / last;
  if (zero > kMaxZero) scale = part * -range.low / (kMaxZero - first);
  const int step = (f32_to_f16(std::min(scale / kScaleUnit, 65504.0f)) + kScaleStep / 2) / kScaleStep;
  return {std::clamp(step, kFirstScale, kEndScale - 1),
          static_cast<int>(std::lround(std::clamp(zero, 0.0f, static_cast<float>(kMaxZero))))};
}

struct Search {
  const Group &group;
  const LevelTable &table;
  Pair best;
  double error;

  void consider(const Pair &pair) {
    if (!pair.is_valid()) return;
    const double found = squared_error(group, table, pair.word());
    if (found < error) best = pair, error = found;
  }
  /// To the best neighbour; false: none is better. The neighbour that the last move came from is among them, and never better.
  bool move() {
    const Pair from = best;
    for (int scale = -1; scale <= 1; ++scale)
      for (int zero = -1; zero <= 1; ++zero)
        if (scale != 0 || zero != 0) consider({from.scale + scale, from.zero + zero});
    return best.scale != from.scale || best.zero != from.zero;
  }
};

template <bool Weighted>
double error_of(const Group &g, const LevelTable &table, uint16_t word) {
  const float scale = scale_of(word), inverse = inverse_of(scale);
  const auto zero = static_cast<float>(zero_of(word));
  float sums[4] = {};  // of every fourth element: one sum would be one chain of additions
  for (int64_t i = 0; i < g.n; i += 4) {
    for (int64_t j = 0; j < 4; ++j) {
      const float d = g.x[i + j] - scale * (table.level(g.x[i + j] * inverse + zero) - zero);
      sums[j] += Weighted ? g.importance[i + j] * d * d : d * d;
    }
  }
  return double{sums[0]} + sums[1] + sums[2] + sums[3];
}

}  // namespace

LevelTable::LevelTable(const Levels &levels) : levels_(levels), top_(static_cast<float>(levels.back())) {
  size_t code = 0;
  for (size_t i = 0; i < codes_.size(); ++i) {
    const float at = static_cast<float>(i) / kSteps;
    while (code < 15 && static_cast<float>(levels[code] + levels[code + 1]) / 2 < at) ++code;
    codes_[i] = static_cast<uint8_t>(code);
    nearest_[i] = static_cast<float>(levels[code]);
  }
}

double squared_error(const Group &g, const LevelTable &table, uint16_t word) {
  return g.importance ? error_of<true>(g, table, word) : error_of<false>(g, table, word);
}

uint16_t fit_scale_and_zero(const Group &g, const LevelTable &table) {
  const Range range(g);
  Search search{g, table, {}, 0.0};
  for (int64_t i = 0; i < g.n; ++i) search.error += g.weight(i) * g.x[i] * g.x[i];  // what a scale of 0 loses
  if (!(range.high - range.low > 0.0f) && range.high == 0.0f) return 0;
  for (const float span : kSpans) search.consider(first_guess(range, table.levels(), span));
  if (search.best.scale == 0) return 0;
  for (int i = 0; i < kMaxMoves && search.move(); ++i) {
  }
  return search.best.word();
}

}  // namespace kvern::kernels
