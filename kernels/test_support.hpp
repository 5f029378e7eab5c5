// Tools of the kernels' tests: random elements of any dtype in buffers of exact size (so that a sanitizer
// sees every read beyond an end), threads, and a loop over the processor's capabilities.
#pragma once
#include <algorithm>
#include <random>
#include <thread>
#include <vector>

#include "kernels/cpu_capability.hpp"
#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"

namespace kvern::kernels::testing {

/// Elements of a dtype, in a buffer of exact size.
struct Buffer {
  Dtype type = Dtype::f32;
  std::vector<unsigned char> bytes;

  Buffer() = default;
  Buffer(Dtype t, int64_t n) : type(t), bytes(static_cast<size_t>(n * size_of(t))) {}
  void *data() { return bytes.data(); }
  const void *data() const { return bytes.data(); }
  float *floats() { return reinterpret_cast<float *>(bytes.data()); }
  int64_t size() const { return static_cast<int64_t>(bytes.size()) / size_of(type); }
  float at(int64_t i) const { return load_element(bytes.data(), type, i); }
  void set(int64_t i, float x) { store_element(bytes.data(), type, i, x); }
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  bool chance(double p) { return std::uniform_real_distribution<double>(0, 1)(engine_) < p; }
  float normal(float scale = 1.0f) { return scale * std::normal_distribution<float>(0, 1)(engine_); }
  template <class T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + integer(0, static_cast<int64_t>(choices.size()) - 1));
  }
  Buffer elements(Dtype type, int64_t n, float scale = 1.0f) {
    Buffer buffer(type, n);
    for (int64_t i = 0; i < n; ++i) buffer.set(i, normal(scale));
    return buffer;
  }

 private:
  std::mt19937 engine_;
};

/// A fresh thread for each range: three ranges or more wherever n allows.
inline Parallel test_threads() {
  auto run = [](void *, int64_t n, int64_t grain, void (*body)(void *, int64_t, int64_t), void *arg) {
    std::vector<std::thread> threads;
    int64_t step = std::max<int64_t>((n / 3 + grain - 1) / grain, 1) * grain;
    for (int64_t at = 0; at < n; at += step) threads.emplace_back(body, arg, at, std::min(at + step, n));
    for (std::thread &thread : threads) thread.join();
  };
  return {3, nullptr, run};
}

/// Calls f at each capability of the processor, and restores the one in use.
template <class F>
void for_each_capability(F &&f) {
  const CpuCapability &before = cpu_capability();
  for (const CpuCapability *capability : available_capabilities()) {
    set_cpu_capability(*capability);
    f(*capability);
  }
  set_cpu_capability(before);
}

}  // namespace kvern::kernels::testing
