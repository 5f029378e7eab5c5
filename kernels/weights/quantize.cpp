// Least squares, alternating: nearest codes for a scale, then the best scale for these codes. The scale begins where the group's
// largest element has the first or the last level, or a little further in. It is rounded to f16 before the final codes are chosen.
#include "kernels/weights/quantize.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/dtype.hpp"
#include "kernels/scratch.hpp"

namespace kvern::kernels {
namespace {

constexpr float kSpans[] = {1.0f, 0.92f, 0.84f, 0.76f};
constexpr int kRefinements = 3;
constexpr int64_t kSampledRows = 64;

/// The codes of one format: an element of the group is scale * value(code).
class Codebook {
 public:
  explicit Codebook(int bits, const Levels &levels = kEvenLevels, uint8_t zero = kEvenZero)
      : bits_(bits), zero_(zero) {
    for (size_t i = 0; i < levels.size(); ++i) values_[i] = static_cast<float>(levels[i] - zero);
    size_t code = 0;
    for (size_t i = 0; i < nearest_.size(); ++i) {
      const float at = static_cast<float>(i) / kSteps;
      while (code < 15 && static_cast<float>(levels[code] + levels[code + 1]) / 2 < at) ++code;
      nearest_[i] = static_cast<uint8_t>(code);
    }
    top_ = static_cast<float>(levels[15]);
  }

  float first() const { return bits_ == 8 ? -127.0f : values_[0]; }
  float last() const { return bits_ == 8 ? 127.0f : values_[15]; }
  int code(float x) const {
    // rounding without calls of the library, which this innermost loop would spend most of its time in
    if (bits_ == 8) return static_cast<int>((std::clamp(x, -127.0f, 127.0f) + kToEven) - kToEven);
    const float twice = 2 * kSteps * std::clamp(x + static_cast<float>(zero_), 0.0f, top_);
    return nearest_[static_cast<size_t>(twice + 1.0f) / 2];
  }
  float value(int code) const {
    return bits_ == 8 ? static_cast<float>(code) : values_[static_cast<size_t>(code)];
  }

 private:
  static constexpr int kSteps = 16;              // of the table of nearest levels, in each level
  static constexpr float kToEven = 12582912.0f;  // 3 * 2^22: a float of that size has no fraction
  int bits_;
  uint8_t zero_;
  float top_ = 0.0f;
  std::array<float, 16> values_{};
  std::array<uint8_t, kMaxLevel * kSteps + 2> nearest_{};
};

/// A group of a row, and what its elements count.
struct Group {
  const float *x, *importance;
  int64_t n;

  float weight(int64_t i) const { return importance ? importance[i] : 1.0f; }
};

/// Of the codes that are nearest for a scale: sums of w x v and w v v. The error is a constant minus gain().
struct Fit {
  float xv = 0.0f, vv = 0.0f;

  float scale() const { return vv > 0.0f ? xv / vv : 0.0f; }
  float gain() const { return vv > 0.0f ? xv * xv / vv : 0.0f; }  ///< with the best scale for the codes
};

Fit fit(const Group &g, const Codebook &book, float scale) {
  Fit f;
  const float inverse = 1.0f / scale;
  if (!std::isfinite(inverse)) return f;
  for (int64_t i = 0; i < g.n; ++i) {
    const float v = book.value(book.code(g.x[i] * inverse)), w = g.weight(i) * v;
    f.xv += w * g.x[i];
    f.vv += w * v;
  }
  return f;
}

/// What a scale loses, as it will be stored.
double squared_error(const Group &g, const Codebook &book, float scale) {
  double sum = 0.0;
  const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
  for (int64_t i = 0; i < g.n; ++i) {
    const float d = g.x[i] - scale * book.value(book.code(g.x[i] * inverse));
    sum += g.weight(i) * d * d;
  }
  return sum;
}

float stored(float scale) { return f16_to_f32(f32_to_f16(std::clamp(scale, -65504.0f, 65504.0f))); }

/// The scale of least error that is found, a number of f16.
float best_scale(const Group &g, const Codebook &book) {
  float largest = 0.0f;
  for (int64_t i = 0; i < g.n; ++i)
    if (std::abs(g.x[i]) > std::abs(largest)) largest = g.x[i];
  if (largest == 0.0f) return 0.0f;
  const float plain = stored(largest / book.first());  // where rounding to nearest begins
  Fit best;
  for (const float end : {book.first(), book.last()}) {
    for (const float span : kSpans) {
      const Fit found = fit(g, book, span * largest / end);
      if (found.gain() > best.gain()) best = found;
    }
  }
  for (int i = 0; i < kRefinements; ++i) {
    const Fit found = fit(g, book, best.scale());
    if (found.gain() <= best.gain()) break;
    best = found;
  }
  const float refined = stored(best.scale());
  return squared_error(g, book, refined) < squared_error(g, book, plain) ? refined : plain;
}

struct Job {
  const PackedMatrix &shape;
  const ReadRow &read;
  const float *importance;

  Group group(const float *row, int64_t i) const {
    return {row + i * shape.group, importance ? importance + i * shape.group : nullptr, shape.group};
  }
  double row_error(const float *row, const Codebook &book) const {
    double sum = 0.0;
    for (int64_t i = 0; i < shape.groups(); ++i) {
      const Group g = group(row, i);
      sum += squared_error(g, book, best_scale(g, book));
    }
    return sum;
  }
  /// Whether every n-th row, taken together, loses less with `a` than with `b`.
  bool is_better(const Codebook &a, const Codebook &b, const Parallel &parallel) const {
    const int64_t apart = std::max<int64_t>(shape.n / kSampledRows, 1), rows = (shape.n + apart - 1) / apart;
    std::vector<double> errors(static_cast<size_t>(2 * rows));
    parallel_for(parallel, rows, 1, [&](int64_t begin, int64_t end) {
      float *row = thread_scratch(ScratchUser::quantizer, shape.k);
      for (int64_t r = begin; r < end; ++r) {
        read(r * apart, row);
        errors[static_cast<size_t>(r)] = row_error(row, a);
        errors[static_cast<size_t>(rows + r)] = row_error(row, b);
      }
    });
    const auto middle = errors.begin() + rows;
    return std::accumulate(errors.begin(), middle, 0.0) < std::accumulate(middle, errors.end(), 0.0);
  }
  void pack_row(int64_t r, float *row, const Codebook &book, const PackedTarget &to) const {
    read(r, row);
    for (int64_t i = 0; i < shape.groups(); ++i) {
      const float scale = best_scale(group(row, i), book);
      to.scales[scale_index(shape, r, i * shape.group)] = f32_to_f16(scale);
      const float inverse = scale == 0.0f ? 0.0f : 1.0f / scale;
      for (int64_t c = i * shape.group; c < (i + 1) * shape.group; ++c)
        store_code(shape, to.codes, r, c, book.code(row[c] * inverse));
    }
  }
};

}  // namespace

void store_code(const PackedMatrix &shape, uint8_t *codes, int64_t row, int64_t column, int code) {
  const CodeOffset at = code_offset(shape, row, column);
  uint8_t &byte = codes[at.byte];
  const auto bits = static_cast<unsigned>(code);
  if (shape.bits == 8) {
    byte = static_cast<uint8_t>(bits);
  } else {
    byte = static_cast<uint8_t>(at.high ? (byte & 15u) | bits << 4 : (byte & 240u) | (bits & 15u));
  }
}

PackedMatrix quantize_matrix(const PackedMatrix &shape, const ReadRow &read, const float *importance,
                             const PackedTarget &target, const Parallel &parallel) {
  PackedMatrix w = shape;
  w.codes = target.codes, w.scales = target.scales, w.zeros = nullptr;
  w.levels = kEvenLevels, w.zero = kEvenZero;
  const Job job{w, read, importance};
  if (w.bits == 4 && job.is_better(Codebook(4, kNormalLevels, kNormalZero), Codebook(4), parallel))
    w.levels = kNormalLevels, w.zero = kNormalZero;
  const Codebook book(w.bits, w.levels, w.zero);
  parallel_for(parallel, w.panels(), 1, [&](int64_t begin, int64_t end) {
    float *row = thread_scratch(ScratchUser::quantizer, w.k);
    for (int64_t r = begin * kPanelRows; r < std::min(end * kPanelRows, w.n); ++r)
      job.pack_row(r, row, book, target);
  });
  return w;
}

}  // namespace kvern::kernels
