// Arrays that lie on a device and, with the same elements, on the CPU: what a kernel is given on both sides.
#pragma once
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "devices/queue.hpp"

namespace kvern::bench {

using kernels::Dtype;

/// Numbers of about unit size. A large array repeats one block of them.
inline std::vector<char> random_elements(Dtype type, int64_t n, uint32_t seed) {
  constexpr int64_t kBlock = 1 << 16;
  const int64_t bytes = kernels::size_of(type) * n, block = std::min(bytes, kernels::size_of(type) * kBlock);
  std::vector<char> data(static_cast<size_t>(bytes));
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> unit(-1.0f, 1.0f);
  for (int64_t i = 0; i < block / kernels::size_of(type); ++i)
    kernels::store_element(data.data(), type, i, unit(random));
  for (int64_t at = block; at < bytes; at += block)
    std::memcpy(data.data() + at, data.data(), static_cast<size_t>(std::min(block, bytes - at)));
  return data;
}

class Array {
 public:
  Array(Queue &device, Dtype type, int64_t n, uint32_t seed) : host_(random_elements(type, n, seed)) {
    send(device);
  }
  /// An output: not a number in every element.
  Array(Queue &device, int64_t n) : host_(static_cast<size_t>(n) * sizeof(float), char(-1)) { send(device); }
  Array(Queue &device, const std::vector<int64_t> &numbers) : host_(numbers.size() * sizeof(int64_t)) {
    std::memcpy(host_.data(), numbers.data(), host_.size());
    send(device);
  }

  template <class T = void>
  const T *on_host() const {
    return reinterpret_cast<const T *>(host_.data());
  }
  float *host_floats() { return reinterpret_cast<float *>(host_.data()); }
  template <class T = void>
  const T *on_device() const {
    return static_cast<const T *>(memory_.data());
  }
  float *device_floats() const { return memory_.floats(); }
  std::size_t bytes() const { return host_.size(); }

  /// The largest difference between what the device and the CPU have written, as a part of the largest number; infinity where one of
  /// them is not finite.
  double error(Queue &device) const {
    std::vector<float> got(host_.size() / sizeof(float));
    device.download(memory_.data(), got.data(), host_.size());
    double largest = 0.0, difference = 0.0;
    for (size_t i = 0; i < got.size(); ++i) {
      const float want = on_host<float>()[i];
      if (!std::isfinite(want) || !std::isfinite(got[i])) return INFINITY;
      largest = std::max(largest, std::abs(double{want}));
      difference = std::max(difference, std::abs(double{want} - got[i]));
    }
    return difference / std::max(largest, 1e-30);
  }

 private:
  void send(Queue &device) {
    memory_ = device.take(host_.size());
    device.upload(host_.data(), memory_.data(), host_.size());
  }
  std::vector<char> host_;
  DeviceMemory memory_;
};

}  // namespace kvern::bench
