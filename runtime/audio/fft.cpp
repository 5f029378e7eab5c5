#include "runtime/audio/fft.hpp"

#include <array>
#include <cmath>
#include <numbers>

namespace kvern::audio {
namespace {

Complex operator+(const Complex &a, const Complex &b) { return {a.re + b.re, a.im + b.im}; }
Complex operator-(const Complex &a, const Complex &b) { return {a.re - b.re, a.im - b.im}; }
Complex operator*(const Complex &a, const Complex &b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

std::vector<int64_t> factors_of(int64_t n) {
  std::vector<int64_t> factors;
  for (; n % 4 == 0; n /= 4) factors.push_back(4);
  for (int64_t p = 2; n > 1; ++p)
    for (; n % p == 0; n /= p) factors.push_back(p);
  return factors;
}

}  // namespace

Fft::Fft(int64_t n) : n_(n), factors_(factors_of(n)) {
  for (int64_t k = 0; k < n; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    roots_.push_back({std::cos(angle), std::sin(angle)});
  }
}

void Fft::operator()(const Complex *in, Complex *out) const { run(0, n_, 1, in, out); }

void Fft::run(size_t level, int64_t n, int64_t stride, const Complex *in, Complex *out) const {
  if (n == 1) {
    *out = *in;
    return;
  }
  const int64_t factor = factors_[level], m = n / factor;
  for (int64_t r = 0; r < factor; ++r) run(level + 1, m, stride * factor, in + r * stride, out + r * m);
  combine(factor, m, stride, out);
}

/// `factor` transforms of length m one behind the other to one of their length together.
void Fft::combine(int64_t factor, int64_t m, int64_t stride, Complex *out) const {
  std::vector<Complex> many(factor > 8 ? static_cast<size_t>(factor) : 0);
  std::array<Complex, 8> few;
  Complex *part = many.empty() ? few.data() : many.data();
  for (int64_t k = 0; k < m; ++k) {
    for (int64_t r = 0; r < factor; ++r) part[r] = out[r * m + k] * root(r * k * stride);
    if (factor == 4) {
      const Complex a = part[0] + part[2], b = part[0] - part[2], c = part[1] + part[3],
                    d = part[1] - part[3];
      out[k] = a + c;
      out[m + k] = {b.re + d.im, b.im - d.re};
      out[2 * m + k] = a - c;
      out[3 * m + k] = {b.re - d.im, b.im + d.re};
      continue;
    }
    for (int64_t q = 0; q < factor; ++q) {
      Complex sum = part[0];
      for (int64_t r = 1; r < factor; ++r) sum = sum + part[r] * root(q * r * (n_ / factor));
      out[q * m + k] = sum;
    }
  }
}

}  // namespace kvern::audio
