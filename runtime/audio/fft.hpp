// Fourier transform of any length, by its factors (Cooley and Tukey 1965).
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace kvern::audio {

struct Complex {
  double re = 0, im = 0;
};

class Fft {
 public:
  explicit Fft(int64_t n);

  int64_t size() const { return n_; }
  /// out[k] = sum of in[t] exp(-2 pi i k t / n); in and out [n], not the same.
  void operator()(const Complex *in, Complex *out) const;

 private:
  void run(std::size_t level, int64_t n, int64_t stride, const Complex *in, Complex *out) const;
  void combine(int64_t factor, int64_t m, int64_t stride, Complex *out) const;
  const Complex &root(int64_t i) const { return roots_[static_cast<std::size_t>(i % n_)]; }

  int64_t n_;
  std::vector<int64_t> factors_;
  std::vector<Complex> roots_;  // exp(-2 pi i k / n)
};

}  // namespace kvern::audio
