// Time of calls on a queue, and the lines that the benchmark prints.
#pragma once
#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "devices/queue.hpp"

namespace kvern::bench {

struct Settings {
  bool tiny = false;         ///< shapes for the emulated device
  double seconds = 0.05;     ///< of a pass, at least
  int passes = 5;            ///< of which the median counts
  double largest_error = 0;  ///< seen so far, as a part of what is allowed
};

/// Seconds of a call. call(i) is given i = 0, 1, ... so that it can change buffers: one that is still in a cache of the device must
/// not be read again.
inline double seconds_of(Queue &queue, const Settings &settings, const std::function<void(int64_t)> &call) {
  int64_t calls = 1, next = 0;
  const auto pass = [&] {
    queue.finish();
    const auto start = std::chrono::steady_clock::now();
    for (int64_t i = 0; i < calls; ++i) call(next++);
    queue.finish();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  while (pass() < settings.seconds && calls < 1 << 14) calls *= 2;
  std::vector<double> times;
  for (int i = 0; i < settings.passes; ++i) times.push_back(pass() / static_cast<double>(calls));
  std::nth_element(times.begin(), times.begin() + settings.passes / 2, times.end());
  return times[static_cast<size_t>(settings.passes / 2)];
}

/// What is measured. `bytes` and `operations` of a call: 0 where they say nothing.
struct Figure {
  std::string kernel, shape;
  double bytes = 0.0, operations = 0.0;
};

/// Prints one line of JSON. error < 0: nothing to compare.
void print_figure(const Figure &figure, double seconds, double error = -1.0);

/// Times call(i), which is one of a kernel, and prints it. call(0) writes what error() compares with the CPU's result; what is beyond
/// `allowed` makes the program fail.
inline void compare_and_time(Queue &queue, Settings &settings, const Figure &figure,
                             const std::function<void(int64_t)> &call, const std::function<double()> &error,
                             double allowed) {
  call(0);
  const double found = error();
  print_figure(figure, seconds_of(queue, settings, call), found);
  settings.largest_error = std::max(settings.largest_error, found / allowed);
}

void measure_copies(Queue &device, Settings &settings);
void measure_products(Queue &device, Settings &settings);
void measure_attention(Queue &device, Settings &settings);
void measure_small(Queue &device, Settings &settings);

}  // namespace kvern::bench
