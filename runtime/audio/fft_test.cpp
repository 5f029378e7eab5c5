#include "runtime/audio/fft.hpp"

#include <cmath>
#include <numbers>

#include "tests/support/test.hpp"

using namespace kvern::audio;

namespace {

/// The sum that defines the transform.
Complex reference(const std::vector<Complex> &in, size_t k) {
  Complex sum;
  for (size_t t = 0; t < in.size(); ++t) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k * t) / static_cast<double>(in.size());
    sum.re += in[t].re * std::cos(angle) - in[t].im * std::sin(angle);
    sum.im += in[t].re * std::sin(angle) + in[t].im * std::cos(angle);
  }
  return sum;
}

}  // namespace

TEST_CASE("The transform of any length is the sum that defines it") {
  for (const int64_t n : {1, 2, 3, 4, 5, 8, 12, 17, 25, 38, 400, 512}) {
    INFO(n);
    std::vector<Complex> in, out(static_cast<size_t>(n));
    for (int64_t t = 0; t < n; ++t)
      in.push_back({std::sin(0.7 * static_cast<double>(t * t)), std::cos(1.3 * static_cast<double>(t))});
    Fft fft(n);
    CHECK(fft.size() == n);
    fft(in.data(), out.data());
    for (size_t k = 0; k < out.size(); ++k) {
      const Complex want = reference(in, k);
      CHECK(std::abs(out[k].re - want.re) < 1e-9);
      CHECK(std::abs(out[k].im - want.im) < 1e-9);
    }
  }
}
