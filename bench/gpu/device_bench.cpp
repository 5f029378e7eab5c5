// The kernels of a device: each compared with the CPU's on random data, then timed. One line of JSON a figure.
//   kvern_device_bench DEVICE [--tiny]
// Exit code 1: a kernel's result differs from the CPU's by more than its sums may.
#include <cstdio>
#include <cstring>
#include <kvern/error.hpp>

#include "bench/gpu/measure.hpp"
#include "devices/find_device.hpp"

namespace kvern::bench {

void print_figure(const Figure &figure, double seconds, double error) {
  std::printf(R"({"kernel": "%s", "shape": "%s", "us": %.3f)", figure.kernel.c_str(), figure.shape.c_str(),
              seconds * 1e6);
  if (figure.bytes > 0) std::printf(R"(, "gb_per_s": %.2f)", figure.bytes / seconds / 1e9);
  if (figure.operations > 0) std::printf(R"(, "tflops": %.3f)", figure.operations / seconds / 1e12);
  if (error >= 0) std::printf(R"(, "error": %.2g)", error);
  std::printf("}\n");
  std::fflush(stdout);
}

namespace {

int run(const std::string &name, bool tiny) {
  Queue &device = find_device(name);
  Settings settings;
  if (tiny) settings = {true, 0.0, 1, 0.0};
  measure_copies(device, settings);
  measure_small(device, settings);
  measure_products(device, settings);
  measure_attention(device, settings);
  if (settings.largest_error <= 1.0) return 0;
  std::fprintf(stderr, "kvern_device_bench: a result is %.1f times as far from the CPU's as it may be\n",
               settings.largest_error);
  return 1;
}

}  // namespace
}  // namespace kvern::bench

int main(int argc, char **argv) {
  const bool tiny = argc == 3 && std::strcmp(argv[2], "--tiny") == 0;
  if (argc < 2 || argc > 3 || (argc == 3 && !tiny)) {
    std::fputs("usage: kvern_device_bench DEVICE [--tiny]\n", stderr);
    return 2;
  }
  try {
    return kvern::bench::run(argv[1], tiny);
  } catch (const std::exception &e) {
    std::fprintf(stderr, "kvern_device_bench: %s\n", e.what());
    return 3;
  }
}
