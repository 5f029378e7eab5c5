#include "runtime/run/score_summary.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace kvern {
namespace {

constexpr int kResamples = 2000;
constexpr double kLeftOut = 0.025;  // at each end

double mean(const std::vector<double> &numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), 0.0) / static_cast<double>(numbers.size());
}

Interval bootstrap(const std::vector<double> &means) {
  std::mt19937_64 random(1);
  std::vector<double> resampled(kResamples);
  for (double &result : resampled) {
    double sum = 0;
    for (size_t i = 0; i < means.size(); ++i) sum += means[random() % means.size()];
    result = sum / static_cast<double>(means.size());
  }
  return {quantile(resampled, kLeftOut), quantile(resampled, 1 - kLeftOut)};
}

}  // namespace

double quantile(std::vector<double> numbers, double share) {
  const auto count = static_cast<double>(numbers.size());
  const auto place = static_cast<int64_t>(std::ceil(share * count)) - 1;
  const auto at = numbers.begin() + std::max<int64_t>(0, place);
  std::nth_element(numbers.begin(), at, numbers.end());
  return *at;
}

std::vector<double> window_means(const std::vector<double> &tokens, int64_t windows) {
  const int64_t length = static_cast<int64_t>(tokens.size()) / windows;
  std::vector<double> means;
  for (int64_t w = 0; w < windows; ++w) {
    const auto begin = tokens.begin() + w * length;
    means.push_back(std::accumulate(begin, begin + length, 0.0) / static_cast<double>(length));
  }
  return means;
}

std::array<double, 4> quarter_means(const std::vector<double> &tokens, int64_t windows) {
  const int64_t length = static_cast<int64_t>(tokens.size()) / windows;
  std::array<double, 4> sums{}, counts{};
  for (size_t i = 0; i < tokens.size(); ++i) {
    const auto quarter = static_cast<size_t>(static_cast<int64_t>(i) % length * 4 / length);
    sums[quarter] += tokens[i];
    counts[quarter] += 1;
  }
  for (size_t q = 0; q < 4; ++q) sums[q] /= counts[q];
  return sums;
}

Estimate estimate(const std::vector<double> &tokens, int64_t windows) {
  Estimate result{mean(tokens), {}};
  if (windows > 1) result.interval = bootstrap(window_means(tokens, windows));
  return result;
}

}  // namespace kvern
