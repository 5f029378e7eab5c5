#include "kernels/weights/quantize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/test_support.hpp"
#include "kernels/weights/testing_matrix.hpp"
#include "tests/support/test.hpp"

using namespace kvern::kernels;
using namespace kvern::kernels::testing;

namespace {

using Values = std::vector<float>;

RandomMatrix quantized(const Values &values, int64_t n, int64_t k, int bits, int64_t group,
                       const float *importance = nullptr, const Parallel &parallel = serial()) {
  RandomMatrix to = empty_matrix(n, k, bits, group);
  const ReadRow read = [&](int64_t row, float *out) {
    std::copy_n(values.begin() + static_cast<std::ptrdiff_t>(row * k), k, out);
  };
  to.matrix = quantize_matrix(to.matrix, read, importance, {to.codes.data(), to.scales.data()}, parallel);
  return to;
}

double error_of(const Values &values, const PackedMatrix &w, const float *importance = nullptr) {
  double sum = 0.0;
  Values row(static_cast<size_t>(w.k));
  for (int64_t r = 0; r < w.n; ++r) {
    dequantize_row(w, r, row.data());
    for (int64_t c = 0; c < w.k; ++c) {
      const double d = values[static_cast<size_t>(r * w.k + c)] - row[static_cast<size_t>(c)];
      sum += (importance ? importance[c] : 1.0f) * d * d;
    }
  }
  return sum;
}

/// Rounding to nearest with the scale that brings the largest element to the end of the codes.
double plain_error(const Values &values, int64_t group, int bits) {
  double sum = 0.0;
  for (size_t at = 0; at < values.size(); at += static_cast<size_t>(group)) {
    float largest = 0.0f;
    for (size_t i = at; i < at + static_cast<size_t>(group); ++i)
      if (std::abs(values[i]) > std::abs(largest)) largest = values[i];
    const float scale = f16_to_f32(f32_to_f16(largest / (bits == 8 ? 127.0f : -8.0f)));
    for (size_t i = at; i < at + static_cast<size_t>(group); ++i) {
      const float code = std::clamp(std::nearbyint(scale == 0.0f ? 0.0f : values[i] / scale),
                                    bits == 8 ? -127.0f : -8.0f, bits == 8 ? 127.0f : 7.0f);
      sum += std::pow(values[i] - scale * code, 2);
    }
  }
  return sum;
}

/// The least error of any scale and zero that can be stored, every element at its nearest level: the search by brute force.
double least_error(const Values &group, const Levels &levels) {
  double best = 1e30;
  const auto [low, high] = std::minmax_element(group.begin(), group.end());
  for (int step = 1; step < 31 * 32; ++step) {
    const float scale = scale_of(scale_and_zero(step, 0)), width = scale * kMaxLevel;
    if (width < 0.4f * (*high - *low) || width > 1.6f * (*high - *low)) continue;
    for (int zero = 0; zero <= kMaxZero; ++zero) {
      double sum = 0.0;
      for (const float x : group) {
        double least = 1e30;
        for (const uint8_t level : levels)
          least = std::min(least, std::abs(x - static_cast<double>(scale) * (level - zero)));
        sum += least * least;
      }
      best = std::min(best, sum);
    }
  }
  return best;
}

Values normal_values(size_t n, unsigned seed) {
  Random random(seed);
  Values values(n);
  for (float &x : values) x = random.normal(0.05f);
  return values;
}

}  // namespace

TEST_CASE(
    "Quantized weights lose less than rounding to nearest does, at 8 and 4 bits and in groups of any size") {
  const Values values = normal_values(24 * 256, 4);
  for (const int64_t group : {32, 64, 128, 256}) {
    for (const int bits : {8, 4}) {
      const RandomMatrix q = quantized(values, 24, 256, bits, group);
      CHECK(error_of(values, q.matrix) < (bits == 8 ? 1.0 : 0.8) * plain_error(values, group, bits));
    }
  }
}

TEST_CASE(
    "The scales and zeros that the quantizer finds lose at most 5 % more than those of a search by brute "
    "force") {
  const Values values = normal_values(40 * 32, 5);
  const RandomMatrix q = quantized(values, 40, 32, 4, 32);
  double best = 0.0;
  for (auto at = values.begin(); at != values.end(); at += 32)
    best += least_error(Values(at, at + 32), q.matrix.levels);
  CHECK(error_of(values, q.matrix) < 1.05 * best);
}

TEST_CASE("Weights on an even grid are kept exactly, wherever its zero is") {
  Random random(6);
  Values values(20 * 64);
  for (float &x : values) x = 0.125f * static_cast<float>(random.integer(-8, 7));
  for (size_t at = 0; at < values.size(); at += 32) {
    values[at] = -1.0f, values[at + 1] = 0.875f;
    if (at % 64 == 0) continue;
    for (size_t i = at; i < at + 32; ++i) values[i] += 0.625f;
  }
  CHECK(error_of(values, quantized(values, 20, 64, 4, 32).matrix) == 0.0);
}

TEST_CASE("Groups of one sign, all equal, large and small lose no more than their range allows") {
  Random random(9);
  for (const float size : {1e-4f, 0.01f, 1.0f, 3000.0f}) {
    for (const float offset : {-40.0f, -1.5f, 1.5f, 40.0f}) {
      for (const float spread : {0.0f, 1.0f}) {
        INFO(size << " offset " << offset << " spread " << spread);
        Values values(32);
        for (float &x : values)
          x = size * (offset + spread * (static_cast<float>(random.integer(0, 1000)) / 1000 - 0.5f));
        const float largest = size * (std::abs(offset) + spread / 2);
        CHECK(error_of(values, quantized(values, 1, 32, 4, 32).matrix) < 32 * std::pow(0.04 * largest, 2));
      }
    }
  }
}

TEST_CASE("Columns that count more lose less") {
  const Values values = normal_values(32 * 128, 7);
  Values importance(128, 1.0f);
  for (size_t i = 0; i < 128; i += 4) importance[i] = 50.0f;
  const RandomMatrix plain = quantized(values, 32, 128, 4, 32),
                     weighted = quantized(values, 32, 128, 4, 32, importance.data());
  CHECK(error_of(values, weighted.matrix, importance.data()) <
        0.9 * error_of(values, plain.matrix, importance.data()));
}

TEST_CASE("Zero and tiny groups, and rows behind the last one, are quantized to zero") {
  Values values(17 * 64, 0.0f);
  values[5] = 1e-12f;
  for (const int bits : {8, 4}) {
    const RandomMatrix q = quantized(values, 17, 64, bits, 32);
    Values row(64, 1.0f);
    for (int64_t r = 0; r < 17; ++r) {
      dequantize_row(q.matrix, r, row.data());
      CHECK(row == Values(64, 0.0f));
    }
    for (int64_t r = 17; r < 32; ++r) CHECK(q.scales[static_cast<size_t>(scale_index(q.matrix, r, 0))] == 0);
  }
}

TEST_CASE("Threads quantize to the same bytes") {
  const Values values = normal_values(70 * 96, 8);
  const RandomMatrix one = quantized(values, 70, 96, 4, 96),
                     many = quantized(values, 70, 96, 4, 96, nullptr, test_threads());
  CHECK(one.codes == many.codes);
  CHECK(one.scales == many.scales);
}

TEST_CASE("Each code has a place of its own") {
  for (const int bits : {8, 4}) {
    RandomMatrix m = empty_matrix(33, 96, bits, 32);
    std::fill(m.scales.begin(), m.scales.end(), f32_to_f16(1.0f));
    m.matrix.zero = 0, m.matrix.levels = kEvenLevels;
    const auto code = [&](int64_t row, int64_t column) {
      return static_cast<int>((row * 7 + column * 3) % (bits == 8 ? 101 : 16));
    };
    for (int64_t row = 0; row < 33; ++row)
      for (int64_t column = 0; column < 96; ++column)
        store_code(m.matrix, m.codes.data(), row, column, code(row, column));
    Values out(96);
    for (int64_t row = 0; row < 33; ++row) {
      dequantize_row(m.matrix, row, out.data());
      for (int64_t column = 0; column < 96; ++column)
        REQUIRE(out[static_cast<size_t>(column)] == static_cast<float>(code(row, column)));
    }
  }
}
