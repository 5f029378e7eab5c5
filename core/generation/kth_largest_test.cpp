#include "core/generation/kth_largest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "tests/support/test.hpp"

using namespace kvern;

namespace {

constexpr float kLowest = -std::numeric_limits<float>::infinity();

float expected(std::vector<float> scores, int64_t k) {
  std::sort(scores.begin(), scores.end(), std::greater<>());
  return scores[static_cast<size_t>(k) - 1];
}

}  // namespace

TEST_CASE("The k-th largest score is what sorting gives, whatever the order and however many are equal") {
  std::mt19937 random(3);
  for (const int64_t n : {1, 2, 63, 64, 65, 200, 5000}) {
    for (const int64_t k : {1, 2, 50, 64, 1000, 5000}) {
      if (k > n) continue;
      CAPTURE(n, k);
      std::vector<float> scores(static_cast<size_t>(n));
      for (float &x : scores) x = static_cast<float>(random() % 700) - 300.0f;
      CHECK(kth_largest(scores.data(), n, k) == expected(scores, k));
      std::sort(scores.begin(), scores.end());
      CHECK(kth_largest(scores.data(), n, k) == expected(scores, k));
      std::reverse(scores.begin(), scores.end());
      CHECK(kth_largest(scores.data(), n, k) == expected(scores, k));
    }
  }
}

TEST_CASE("Where fewer scores than k are finite the k-th is negative infinity") {
  std::vector<float> scores(300, kLowest);
  scores[7] = 1, scores[299] = 2;
  CHECK(kth_largest(scores.data(), 300, 1) == 2);
  CHECK(kth_largest(scores.data(), 300, 2) == 1);
  CHECK(kth_largest(scores.data(), 300, 3) == kLowest);
  CHECK(kth_largest(scores.data(), 300, 300) == kLowest);
}

TEST_CASE("NaN is less than every score") {
  std::vector<float> scores(200, std::nanf(""));
  scores[3] = -5, scores[100] = 4, scores[150] = kLowest;
  CHECK(kth_largest(scores.data(), 200, 1) == 4);
  CHECK(kth_largest(scores.data(), 200, 2) == -5);
  CHECK(kth_largest(scores.data(), 200, 3) == kLowest);
}
