#include "kernels/bench/mass_bench.hpp"

#include <cstdio>

#include "kernels/attention_mass.hpp"
#include "kernels/bench/bench_support.hpp"

namespace kvern::kernels::bench {
namespace {

constexpr int kRepeats = 15;

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

template <class F>
double seconds_of(F &&f) {
  const double start = cpu_seconds();
  f();
  return cpu_seconds() - start;
}

void compare(const char *what, Dtype type, int64_t q_heads, int64_t kv_heads, int64_t dim, int64_t n_new,
             int64_t depth) {
  const int64_t elements = kv_heads * depth * dim;
  Memory k(elements * size_of(type)), v(elements * size_of(type)), q(q_heads * n_new * dim * 4),
      out(q_heads * n_new * dim * 4);
  fill(k.data(), type, elements);
  fill(v.data(), type, elements);
  fill(q.data(), Dtype::f32, q_heads * n_new * dim);
  std::vector<int64_t> q_pos;
  for (int64_t i = 0; i < n_new; ++i) q_pos.push_back(depth - n_new + i);
  std::vector<float> mass(static_cast<size_t>(kv_heads * depth));
  AttentionCall call;
  call.rows = 1, call.q_heads = q_heads, call.kv_heads = kv_heads, call.n_new = n_new, call.kv_len = depth;
  call.dim_k = call.dim_v = dim;
  call.kv_type = type, call.round_to_bf16 = type == Dtype::bf16;
  call.k = k.data(), call.v = v.data(), call.q = q.data(), call.out = out.data(), call.q_pos = q_pos.data();
  call.q_stride = call.out_stride = {q_heads * n_new * dim, n_new * dim, dim};
  call.k_stride = call.v_stride = {kv_heads * depth * dim, depth * dim, dim};
  call.scale = 0.125f;
  const AttentionMass to{mass.data(), kv_heads * depth, depth};
  const auto plain = [&] { attention(call, serial()); };
  const auto with_mass = [&] { attention_with_mass(call, to, serial()); };
  plain(), with_mass();
  std::vector<double> without, with;
  for (int i = 0; i < kRepeats; ++i) {
    without.push_back(seconds_of(plain));
    with.push_back(seconds_of(with_mass));
  }
  std::printf(
      "%s %-4s heads %2ld over %2ld of %3ld, %4ld queries, depth %5ld: %8.3f ms, with mass %8.3f ms, ratio "
      "%.2f\n",
      what, name_of(type), q_heads, kv_heads, dim, n_new, depth, 1e3 * median(without), 1e3 * median(with),
      median(with) / median(without));
}

}  // namespace

void bench_mass() {
  for (const Dtype type : {Dtype::f32, Dtype::bf16}) {
    compare("prefill", type, 9, 3, 64, 512, 512);
    compare("prefill", type, 9, 3, 64, 2048, 2048);
    compare("prefill", type, 9, 3, 64, 512, 8192);
    compare("prefill", type, 32, 8, 128, 512, 2048);
    compare("decode ", type, 9, 3, 64, 1, 1024);
    compare("decode ", type, 9, 3, 64, 1, 16384);
  }
}

}  // namespace kvern::kernels::bench
