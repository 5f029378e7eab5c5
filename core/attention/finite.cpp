#include <kvern/finite.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

namespace kvern {

bool all_finite(const float *x, int64_t n) {
  // without a branch per element, so that the compiler uses vectors; in pieces, so that a NaN is noticed early
  constexpr int64_t kPiece = 4096;
  for (int64_t begin = 0; begin < n; begin += kPiece) {
    uint32_t largest = 0;
    const int64_t end = begin + kPiece < n ? begin + kPiece : n;
    for (int64_t i = begin; i < end; ++i) {
      const uint32_t magnitude = std::bit_cast<uint32_t>(x[i]) & 0x7fffffffu;
      largest = magnitude > largest ? magnitude : largest;
    }
    if (largest >= 0x7f800000u) return false;
  }
  return true;
}

bool all_finite(Queue &queue, const float *x, int64_t rows, int64_t dim, int64_t stride) {
  std::vector<float> row(static_cast<size_t>(dim));
  for (int64_t r = 0; r < rows; ++r) {
    queue.download(x + r * stride, row.data(), row.size() * sizeof(float));
    queue.finish();
    if (!all_finite(row.data(), dim)) return false;
  }
  return true;
}

Error non_finite_error(const std::string &where, const std::string &what) {
  return {ErrorKind::model,
          where + ": computed " + what + "; the weights hold such values, or are too large"};
}

void require_finite(Queue &queue, const float *x, int64_t rows, int64_t dim, int64_t stride,
                    const std::string &where) {
  if (all_finite(queue, x, rows, dim, stride)) return;
  std::vector<float> row(static_cast<size_t>(dim));
  bool nan = false;
  for (int64_t r = 0; r < rows && !nan; ++r) {
    queue.download(x + r * stride, row.data(), row.size() * sizeof(float));
    queue.finish();
    nan = std::any_of(row.begin(), row.end(), [](float value) { return std::isnan(value); });
  }
  throw non_finite_error(where, nan ? "NaN" : "an infinite value");
}

}  // namespace kvern
