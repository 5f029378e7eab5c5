// Statistics over the scores of many tokens, with intervals from a bootstrap over windows: tokens of one window depend on
// each other, windows hardly.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace kvern {

/// The middle 95 % of what other windows of the same kind would have given.
struct Interval {
  double low = 0, high = 0;
};

/// A mean over tokens. No interval where there is one window only.
struct Estimate {
  double value = 0;
  std::optional<Interval> interval;
};

/// The mean of `tokens`, windows of equal length one after another. The same numbers give the same interval.
Estimate estimate(const std::vector<double> &tokens, int64_t windows);

/// f of the mean and of both ends of its interval; f rises.
template <class F>
Estimate mapped(const Estimate &e, F f) {
  Estimate result{f(e.value), {}};
  if (e.interval) result.interval = Interval{f(e.interval->low), f(e.interval->high)};
  return result;
}

/// The smallest number that at least this share of all numbers does not exceed. 0 < share <= 1.
double quantile(std::vector<double> numbers, double share);

/// Means of the windows, each over its own tokens.
std::vector<double> window_means(const std::vector<double> &tokens, int64_t windows);

/// Means over the first, second, third and last quarter of every window. Windows have at least 4 tokens.
std::array<double, 4> quarter_means(const std::vector<double> &tokens, int64_t windows);

}  // namespace kvern
