// The small kernels of a layer for one token: what they cost is their launch.
#include "bench/gpu/device_arrays.hpp"
#include "bench/gpu/measure.hpp"
#include "devices/cpu/cpu_queue.hpp"

namespace kvern::bench {
namespace {

constexpr double kAllowed = 1e-5;

void measure_norm(Queue &device, Settings &settings, int64_t dim) {
  const Array x(device, Dtype::f32, dim, 1), weight(device, Dtype::bf16, dim, 2);
  Array out(device, dim);
  kernels::NormCall call{.rows = 1,
                         .dim = dim,
                         .x = x.on_host<float>(),
                         .x_stride = dim,
                         .weight = weight.on_host(),
                         .weight_type = Dtype::bf16,
                         .out = out.host_floats(),
                         .out_stride = dim};
  cpu_queue().norm(Norm::rms, call);
  call.x = x.on_device<float>(), call.weight = weight.on_device(), call.out = out.device_floats();
  compare_and_time(
      device, settings, {"rms_norm", std::to_string(dim)}, [&](int64_t) { device.norm(Norm::rms, call); },
      [&] { return out.error(device); }, kAllowed);
}

void measure_activation(Queue &device, Settings &settings, int64_t dim) {
  const Array x(device, Dtype::f32, dim, 1), up(device, Dtype::f32, dim, 2);
  Array out(device, dim);
  kernels::ActivationCall call{.rows = 1,
                               .dim = dim,
                               .x = x.on_host<float>(),
                               .x_stride = dim,
                               .up = up.on_host<float>(),
                               .up_stride = dim,
                               .out = out.host_floats(),
                               .out_stride = dim};
  cpu_queue().activate(call);
  call.x = x.on_device<float>(), call.up = up.on_device<float>(), call.out = out.device_floats();
  compare_and_time(
      device, settings, {"silu and up", std::to_string(dim)}, [&](int64_t) { device.activate(call); },
      [&] { return out.error(device); }, kAllowed);
}

void measure_argmax(Queue &device, Settings &settings, int64_t n) {
  const Array x(device, Dtype::f32, n, 1), found(device, std::vector<int64_t>{-1});
  int64_t want = -1;
  cpu_queue().argmax({1, n, x.on_host<float>(), n, &want});
  const auto run = [&](int64_t) {
    device.argmax({1, n, x.on_device<float>(), n, const_cast<int64_t *>(found.on_device<int64_t>())});
  };
  const auto error = [&] {
    int64_t got = -2;
    device.download(found.on_device(), &got, sizeof got);
    return got == want ? 0.0 : 1.0;
  };
  compare_and_time(device, settings, {"argmax", std::to_string(n), 4.0 * static_cast<double>(n)}, run, error,
                   0.5);
}

}  // namespace

void measure_small(Queue &device, Settings &settings) {
  const int64_t scale = settings.tiny ? 64 : 1;
  measure_norm(device, settings, 4096 / scale);
  measure_activation(device, settings, 14336 / scale);
  measure_argmax(device, settings, 128256 / scale);
}

}  // namespace kvern::bench
