#include "core/generation/kth_largest.hpp"

#include <algorithm>
#include <functional>
#include <limits>
#include <vector>

namespace kvern {
namespace {

constexpr int64_t kBlock = 64;  // scores whose maximum is compared at once
constexpr float kLowest = -std::numeric_limits<float>::infinity();

/// Compilers make vectors of this. NaN is passed over.
float max_of(const float *scores) {
  float lane[8];
  std::fill_n(lane, 8, kLowest);
  for (int64_t i = 0; i < kBlock; i += 8)
    for (int64_t j = 0; j < 8; ++j) lane[j] = scores[i + j] > lane[j] ? scores[i + j] : lane[j];
  float max = kLowest;
  for (const float x : lane) max = x > max ? x : max;
  return max;
}

/// The best k so far, and candidates: scores above the k-th of those that were counted.
class Best {
 public:
  explicit Best(int64_t k) : k_(static_cast<size_t>(k)) {
    candidates_.reserve(2 * k_ + static_cast<size_t>(kBlock));
  }

  float least() const { return least_; }
  void add(float score) {
    candidates_.push_back(score);
    if (candidates_.size() == candidates_.capacity()) cut();
  }
  float kth() {
    if (candidates_.size() < k_) return kLowest;
    cut();
    return least_;
  }

 private:
  void cut() {
    const auto kth = candidates_.begin() + static_cast<std::ptrdiff_t>(k_) - 1;
    std::nth_element(candidates_.begin(), kth, candidates_.end(), std::greater<>());
    least_ = *kth;
    candidates_.resize(k_);
  }

  size_t k_;
  std::vector<float> candidates_;
  float least_ = kLowest;
};

}  // namespace

float kth_largest(const float *scores, int64_t n, int64_t k) {
  Best best(k);
  int64_t i = 0;
  const auto scan = [&](int64_t end) {
    for (; i < end; ++i)
      if (scores[i] > best.least()) best.add(scores[i]);
  };
  while (i + kBlock <= n) {
    if (max_of(scores + i) > best.least())
      scan(i + kBlock);
    else
      i += kBlock;
  }
  scan(n);
  return best.kth();
}

}  // namespace kvern
