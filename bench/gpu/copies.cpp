// How fast memory of a device is read and written, how fast it is reached from the host, and what a launch costs.
#include "bench/gpu/device_arrays.hpp"
#include "bench/gpu/measure.hpp"

namespace kvern::bench {
namespace {

constexpr DLDevice kHost{kDLCPU, 0};

/// A tensor of float32 in one piece.
struct Floats {
  int64_t n;
  DLTensor dl;
  Floats(void *data, DLDevice place, int64_t n_) : n(n_) {
    dl = {data, place, 1, {kDLFloat, 32, 1}, &n, nullptr, 0};
  }
  Floats(const Floats &) = delete;
};

void measure_copy(Queue &device, const Settings &settings, const char *name, const Floats &from,
                  const Floats &to, double bytes) {
  const double seconds = seconds_of(device, settings, [&](int64_t) { device.copy(from.dl, to.dl); });
  print_figure({name, std::to_string(from.n * 4) + " bytes", bytes}, seconds);
}

}  // namespace

void measure_copies(Queue &device, Settings &settings) {
  const int64_t bytes = settings.tiny ? 1 << 14 : 1 << 30, n = bytes / 4;
  const DeviceMemory first = device.take(static_cast<size_t>(bytes)),
                     second = device.take(static_cast<size_t>(bytes)),
                     pinned = device.take_pinned(static_cast<size_t>(bytes));
  std::memset(pinned.data(), 0, static_cast<size_t>(bytes));
  const Floats here(first.data(), device.place(), n), there(second.data(), device.place(), n),
      host(pinned.data(), kHost, n);
  device.copy(host.dl, here.dl);
  measure_copy(device, settings, "copy", here, there, 2.0 * static_cast<double>(bytes));  // read and written
  measure_copy(device, settings, "from pinned memory", host, here, static_cast<double>(bytes));
  measure_copy(device, settings, "to pinned memory", here, host, static_cast<double>(bytes));
  const Array x(device, Dtype::f32, 64, 1);
  const double launch = seconds_of(device, settings, [&](int64_t) {
    device.add_scaled({1, 64, first.floats(), 64, x.on_device<float>(), 64, 1.0f});
  });
  print_figure({"launch", "add 64"}, launch);
}

}  // namespace kvern::bench
