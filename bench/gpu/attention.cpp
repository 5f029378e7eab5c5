// Attention of one new token over many, and of a prompt over itself.
#include "bench/gpu/device_arrays.hpp"
#include "bench/gpu/measure.hpp"
#include "devices/cpu/cpu_queue.hpp"

namespace kvern::bench {
namespace {

struct Heads {
  int64_t query, key, dim;
};

std::string text_of(const Heads &heads, int64_t n_new, int64_t length, Dtype type) {
  return std::to_string(heads.query) + " / " + std::to_string(heads.key) + " / " + std::to_string(heads.dim) +
         ", " + std::to_string(n_new) + " new of " + std::to_string(length) + ", " + kernels::name_of(type);
}

kernels::AttentionCall call_of(const Heads &heads, int64_t n_new, int64_t length, Dtype type) {
  kernels::AttentionCall call;
  call.rows = 1, call.q_heads = heads.query, call.kv_heads = heads.key, call.n_new = n_new,
  call.kv_len = length;
  call.dim_k = call.dim_v = heads.dim;
  call.kv_type = type;
  call.q_stride = call.out_stride = {heads.query * n_new * heads.dim, n_new * heads.dim, heads.dim};
  call.k_stride = call.v_stride = {heads.key * length * heads.dim, length * heads.dim, heads.dim};
  call.scale = 1.0f / std::sqrt(static_cast<float>(heads.dim));
  call.round_to_bf16 = type == Dtype::bf16;
  return call;
}

void measure(Queue &device, Settings &settings, const Heads &heads, int64_t n_new, int64_t length,
             Dtype type) {
  const int64_t elements = heads.key * length * heads.dim, queries = heads.query * n_new * heads.dim;
  const Array q(device, Dtype::f32, queries, 1), k(device, type, elements, 2), v(device, type, elements, 3);
  Array out(device, queries);
  std::vector<int64_t> positions;
  for (int64_t i = 0; i < n_new; ++i) positions.push_back(length - n_new + i);
  kernels::AttentionCall call = call_of(heads, n_new, length, type);
  call.q = q.on_host(), call.k = k.on_host(), call.v = v.on_host(), call.out = out.host_floats();
  call.q_pos = positions.data();  // positions are host memory on every device
  cpu_queue().attention(call);
  call.q = q.on_device(), call.k = k.on_device(), call.v = v.on_device(), call.out = out.device_floats();
  const double pairs =
      static_cast<double>(n_new) * (static_cast<double>(length) - 0.5 * static_cast<double>(n_new - 1));
  const Figure figure{n_new == 1 ? "attention" : "prompt attention", text_of(heads, n_new, length, type),
                      static_cast<double>(k.bytes() + v.bytes()),
                      4.0 * static_cast<double>(heads.query * heads.dim) * pairs};
  compare_and_time(
      device, settings, figure, [&](int64_t) { device.attention(call); }, [&] { return out.error(device); },
      type == Dtype::f32 ? 1e-4 : 2e-2);
}

}  // namespace

void measure_attention(Queue &device, Settings &settings) {
  const std::vector<Heads> shapes =
      settings.tiny ? std::vector<Heads>{{4, 2, 16}}
                    : std::vector<Heads>{{32, 8, 128}, {32, 32, 128}, {14, 2, 64}, {9, 3, 64}};
  const std::vector<int64_t> depths =
      settings.tiny ? std::vector<int64_t>{40} : std::vector<int64_t>{4096, 32768, 131072};
  for (const Dtype type : {Dtype::bf16, Dtype::f16, Dtype::f32}) {
    for (const Heads &heads : shapes) {
      for (const int64_t depth : depths) measure(device, settings, heads, 1, depth, type);
      const int64_t prompt = settings.tiny ? 9 : 2048;
      measure(device, settings, heads, prompt, prompt, type);
    }
  }
}

}  // namespace kvern::bench
