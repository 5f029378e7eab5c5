#include "runtime/run/score_summary.hpp"

#include <cmath>

#include "tests/support/test.hpp"

using namespace kvern;

TEST_CASE("A quantile is a number of the list that at least this share does not exceed") {
  const std::vector<double> numbers{5, 1, 4, 2, 3};
  CHECK(quantile(numbers, 0.2) == 1);
  CHECK(quantile(numbers, 0.21) == 2);
  CHECK(quantile(numbers, 0.99) == 5);
  CHECK(quantile(numbers, 1) == 5);
  CHECK(quantile({7}, 0.5) == 7);
}

TEST_CASE("Means are taken by window and by quarter of a window") {
  const std::vector<double> two_windows{1, 2, 3, 4, 3, 4, 5, 6};
  CHECK(window_means(two_windows, 2) == std::vector<double>{2.5, 4.5});
  CHECK(quarter_means(two_windows, 2) == std::array<double, 4>{2, 3, 4, 5});
  CHECK(quarter_means({1, 1, 2, 3, 4}, 1) == std::array<double, 4>{1, 2, 3, 4});
}

TEST_CASE("An interval holds the mean, is the same each time, and narrows with more windows") {
  std::vector<double> few, many;
  for (int i = 0; i < 400; ++i) (i < 20 ? few : many).push_back(i % 7);
  const auto e = estimate(few, 10), m = estimate(many, 190);
  REQUIRE(e.interval);
  REQUIRE(m.interval);
  CHECK(e.interval->low < e.value);
  CHECK(e.value < e.interval->high);
  CHECK(estimate(few, 10).interval->low == e.interval->low);
  CHECK(m.interval->high - m.interval->low < (e.interval->high - e.interval->low) / 2);
}

TEST_CASE("The interval of a mean is as wide as the normal approximation says") {
  std::vector<double> windows;  // 100 means, standard deviation 0.5
  for (int i = 0; i < 100; ++i) windows.push_back(i % 2);
  const auto e = estimate(windows, 100);
  CHECK(e.value == 0.5);
  CHECK(e.interval->low == Approx(0.5 - 1.96 * 0.05).margin(0.011));
  CHECK(e.interval->high == Approx(0.5 + 1.96 * 0.05).margin(0.011));
}

TEST_CASE("One window has no interval, and equal windows have one without width") {
  CHECK_FALSE(estimate({1, 2, 3}, 1).interval);
  const auto e = mapped(estimate({2, 2, 2, 2}, 4), [](double x) { return std::exp(x); });
  CHECK(e.interval->low == std::exp(2.0));
  CHECK(e.interval->high == e.value);
}
