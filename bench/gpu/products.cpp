// Products with matrices: one row and eight at the speed of memory, prompts at the speed of arithmetic.
#include "bench/gpu/device_arrays.hpp"
#include "bench/gpu/measure.hpp"
#include "devices/cpu/cpu_queue.hpp"

namespace kvern::bench {
namespace {

/// More than any cache of a device holds: so many bytes of weights are read between two reads of the same one.
constexpr int64_t kBeyondCaches = int64_t{256} << 20;

struct Shape {
  int64_t n, k;
};

double allowed_error(Dtype type) { return type == Dtype::f32 ? 1e-4 : 1e-2; }

void measure(Queue &device, Settings &settings, int64_t m, Shape shape, Dtype type) {
  const int64_t weights = shape.n * shape.k,
                copies = settings.tiny ? 1 : 1 + kBeyondCaches / (weights * kernels::size_of(type));
  const Array x(device, Dtype::f32, m * shape.k, 1), w(device, type, weights, 2);
  Array y(device, m * shape.n);
  std::vector<Array> more;
  for (int64_t i = 1; i < copies; ++i) more.emplace_back(device, type, weights, 3);
  kernels::MatmulCall call{.m = m,
                           .n = shape.n,
                           .k = shape.k,
                           .x = x.on_host<float>(),
                           .x_stride = shape.k,
                           .w = w.on_host(),
                           .w_type = type,
                           .w_stride = shape.k,
                           .y = y.host_floats(),
                           .y_stride = shape.n,
                           .round_x = type == Dtype::bf16};
  cpu_queue().matmul(call);
  call.x = x.on_device<float>(), call.y = y.device_floats();
  const std::string text = std::to_string(m) + " x " + std::to_string(shape.n) + " x " +
                           std::to_string(shape.k) + " " + kernels::name_of(type);
  const Figure figure{m > kernels::matvec_short_m ? "matmul" : "matvec", text, static_cast<double>(w.bytes()),
                      2.0 * static_cast<double>(m * weights)};
  const auto run = [&](int64_t i) {
    const auto next = static_cast<size_t>(i % copies);
    call.w = next == 0 ? w.on_device() : more[next - 1].on_device();
    device.matmul(call);
  };
  compare_and_time(
      device, settings, figure, run, [&] { return y.error(device); }, allowed_error(type));
}

}  // namespace

void measure_products(Queue &device, Settings &settings) {
  const std::vector<Shape> shapes =
      settings.tiny ? std::vector<Shape>{{48, 64}}
                    : std::vector<Shape>{{4096, 4096}, {14336, 4096}, {4096, 14336}, {128256, 4096}};
  const std::vector<int64_t> rows =
      settings.tiny ? std::vector<int64_t>{1, 2, 24} : std::vector<int64_t>{1, 8, 512};
  for (const Dtype type : {Dtype::bf16, Dtype::f16, Dtype::f32})
    for (const Shape &shape : shapes)
      for (const int64_t m : rows)
        if (m <= kernels::matvec_short_m || shape.n < 100000) measure(device, settings, m, shape, type);
}

}  // namespace kvern::bench
