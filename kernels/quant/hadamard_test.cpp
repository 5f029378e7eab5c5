#include "kernels/quant/hadamard.hpp"

#include <cmath>

#include "kernels/test_support.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

constexpr int64_t kDims[] = {1, 2, 16, 64, 80, 96, 100, 128, 256};

std::vector<float> random_row(int64_t dim) {
  Random random(static_cast<unsigned>(dim));
  std::vector<float> x(static_cast<size_t>(dim));
  for (float &number : x) number = random.normal();
  return x;
}

double norm(const std::vector<float> &x) {
  double sum = 0;
  for (float number : x) sum += static_cast<double>(number) * number;
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("Rotating twice gives back what was there, for heads of any size") {
  for (int64_t dim : kDims) {
    const std::vector<float> x = random_row(dim);
    std::vector<float> y = x;
    quant::rotate(y.data(), dim);
    quant::rotate(y.data(), dim);
    for (size_t i = 0; i < x.size(); ++i) CHECK(y[i] == Approx(x[i]).margin(1e-5));
  }
}

TEST_CASE("Rotating keeps the length of a vector and the product of two") {
  for (int64_t dim : kDims) {
    std::vector<float> x = random_row(dim), y = random_row(dim);
    std::reverse(y.begin(), y.end());
    auto product = [&] {
      double sum = 0;
      for (size_t i = 0; i < x.size(); ++i) sum += static_cast<double>(x[i]) * y[i];
      return sum;
    };
    const double length = norm(x), before = product();
    quant::rotate(x.data(), dim);
    quant::rotate(y.data(), dim);
    CHECK(norm(x) == Approx(length));
    CHECK(product() == Approx(before).margin(1e-4));
  }
}

TEST_CASE("One outlier is spread evenly over the largest power of two that divides the head") {
  for (int64_t dim : kDims) {
    std::vector<float> x(static_cast<size_t>(dim), 0.0f);
    x[0] = 1.0f;
    quant::rotate(x.data(), dim);
    const int64_t size = quant::rotation_block(dim);
    for (int64_t i = 0; i < dim; ++i) {
      const double expected = i < size ? 1.0 / std::sqrt(static_cast<double>(size)) : 0.0;
      CHECK(x[static_cast<size_t>(i)] == Approx(expected).margin(1e-7));
    }
  }
}
