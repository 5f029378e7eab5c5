// Prints what the kernels reach on this processor beside what memory gives: one thread, CPU time, best and median.
//   kvern_kernel_bench [matvec] [decode] [prefill] [blocks] [mass] [matmul] [packed] [quantizer] [weights]
// All without arguments; KVERN_CPU forces a level.
#include <cstdio>
#include <string>

#include "kernels/attention.hpp"
#include "kernels/bench/bench_support.hpp"
#include "kernels/bench/blocks_bench.hpp"
#include "kernels/bench/mass_bench.hpp"
#include "kernels/bench/packed_bench.hpp"
#include "kernels/bench/quantizer_bench.hpp"
#include "kernels/bench/weights_bench.hpp"
#include "kernels/bench/read_streams.hpp"
#include "kernels/cpu_capability.hpp"
#include "kernels/matmul.hpp"

namespace kvern::kernels::bench {
namespace {

/// GB/s of the fastest way to read memory: what the kernels are compared with.
double bench_read() {
  constexpr int64_t bytes = int64_t{512} << 20;
  Memory memory(bytes);
  double fastest = 0;
  for (const int streams : kStreamCounts) {
    const Seconds t = measure(7, [&] { read_streams(memory.data(), bytes, streams); });
    std::printf("read, streams %d  best %6.2f median %6.2f GB/s\n", streams, bytes / t.best * 1e-9,
                bytes / t.median * 1e-9);
    fastest = std::max(fastest, bytes / t.median * 1e-9);
  }
  return fastest;
}

/// Products of m rows with as many different matrices as leave the caches.
void bench_matvec(Dtype type, bool round_x, WeightLayout layout, int64_t m, int64_t n, int64_t k,
                  double bound) {
  int64_t bytes = n * k * size_of(type), copies = std::max<int64_t>((int64_t{300} << 20) / bytes, 1);
  Memory w(bytes * copies), x(m * k * 4), y(m * n * 4);
  fill(x.data(), Dtype::f32, m * k);
  MatmulCall call;
  call.m = m, call.n = n, call.k = k;
  call.x = reinterpret_cast<float *>(x.data()), call.x_stride = k;
  call.y = reinterpret_cast<float *>(y.data()), call.y_stride = n;
  call.w_type = type, call.layout = layout, call.round_x = round_x;
  call.w_stride = layout == WeightLayout::n_k ? k : n;
  Seconds t = measure(7, [&] {
    for (int64_t i = 0; i < copies; ++i) {
      call.w = w.data() + i * bytes;
      matmul(call, serial());
    }
  });
  double gbs = static_cast<double>(bytes * copies) / t.median * 1e-9;
  std::printf("matvec %-4s%s %s m %ld  %5ld x %5ld  median %6.2f GB/s  %3.0f %% of memory\n", name_of(type),
              round_x ? " (x rounded)" : "", layout == WeightLayout::n_k ? "[n,k]" : "[k,n]", m, n, k, gbs,
              100 * gbs / bound);
}

/// All layers of a model's attention: `layers` different caches in turn.
void bench_attention(const char *what, Dtype type, Dtype q_type, int64_t layers, int64_t q_heads,
                     int64_t kv_heads, int64_t dim, int64_t n_new, int64_t depth, double bound) {
  int64_t elements = kv_heads * depth * dim, bytes = elements * size_of(type);
  Memory k(bytes * layers), v(bytes * layers), q(q_heads * n_new * dim * 4), out(q_heads * n_new * dim * 4);
  fill(k.data(), type, elements * layers);
  fill(q.data(), q_type, q_heads * n_new * dim);
  std::vector<int64_t> q_pos;
  for (int64_t i = 0; i < n_new; ++i) q_pos.push_back(depth - n_new + i);
  AttentionCall call;
  call.rows = 1, call.q_heads = q_heads, call.kv_heads = kv_heads, call.n_new = n_new, call.kv_len = depth;
  call.dim_k = call.dim_v = dim;
  call.kv_type = type, call.q_type = q_type;
  call.q = q.data(), call.out = out.data(), call.q_pos = q_pos.data();
  call.q_stride = call.out_stride = {q_heads * n_new * dim, n_new * dim, dim};
  call.k_stride = call.v_stride = {kv_heads * depth * dim, depth * dim, dim};
  call.scale = 0.125f;
  Seconds t = measure(7, [&] {
    for (int64_t layer = 0; layer < layers; ++layer) {
      call.k = k.data() + layer * bytes;
      call.v = v.data() + layer * bytes;
      attention(call, serial());
    }
  });
  std::printf("%s %-4s (q %-4s) heads %2ld over %2ld of %3ld, depth %6ld: median %8.3f ms a layer", what,
              name_of(type), name_of(q_type), q_heads, kv_heads, dim, depth,
              1e3 * t.median / static_cast<double>(layers));
  if (n_new == 1) {
    double gbs = 2.0 * static_cast<double>(bytes * layers) / t.median * 1e-9;
    std::printf("  %6.2f GB/s  %3.0f %% of memory\n", gbs, 100 * gbs / bound);
  } else {
    double pairs = static_cast<double>(n_new) * static_cast<double>(2 * depth - n_new + 1) / 2;
    double products = pairs * 4.0 * static_cast<double>(q_heads * dim * layers);
    std::printf("  %6.1f GFLOP/s\n", products / t.median * 1e-9);
  }
}

void bench_matmul(Dtype type, bool round_x, int64_t m, int64_t n, int64_t k) {
  Memory w(n * k * size_of(type)), x(m * k * 4), y(m * n * 4);
  fill(w.data(), type, n * k);
  fill(x.data(), Dtype::f32, m * k);
  MatmulCall call;
  call.m = m, call.n = n, call.k = k;
  call.x = reinterpret_cast<float *>(x.data()), call.x_stride = k;
  call.y = reinterpret_cast<float *>(y.data()), call.y_stride = n;
  call.w = w.data(), call.w_type = type, call.w_stride = k;
  call.round_x = round_x;
  Seconds t = measure(5, [&] { matmul(call, serial()); });
  double products = 2.0 * static_cast<double>(m * n) * static_cast<double>(k);
  std::printf("matmul %-4s%s  %4ld x %5ld x %5ld  best %6.1f median %6.1f GFLOP/s\n", name_of(type),
              round_x ? " (x rounded)" : "", m, n, k, products / t.best * 1e-9, products / t.median * 1e-9);
}

constexpr Dtype kTypes[] = {Dtype::f32, Dtype::bf16, Dtype::f16};

void bench_row_matvecs(Dtype type, bool round_x, double bound) {
  for (int64_t m : {1, 2, 4, 8, 9, 16, 32})
    bench_matvec(type, round_x, WeightLayout::n_k, m, 1536, 576, bound);
  bench_matvec(type, round_x, WeightLayout::n_k, 1, 576, 1536, bound);
  bench_matvec(type, round_x, WeightLayout::n_k, 1, 4096, 4096, bound);
}

void bench_matvecs(double bound) {
  for (Dtype type : kTypes) {
    bench_row_matvecs(type, false, bound);
    for (int64_t m : {1, 4}) bench_matvec(type, false, WeightLayout::k_n, m, 3072, 768, bound);
    bench_matvec(type, false, WeightLayout::k_n, 1, 768, 3072, bound);
  }
  bench_row_matvecs(Dtype::bf16, true, bound);
}

void bench_decode(double bound) {
  for (Dtype type : kTypes) {
    Dtype q = type == Dtype::bf16 ? type : Dtype::f32;
    for (int64_t depth : {512, 4096, 16384}) {
      int64_t layers = std::max<int64_t>(16384 * 8 / depth, 8);
      bench_attention("decode", type, q, layers, 9, 3, 64, 1, depth, bound);
    }
    if (q != Dtype::f32) bench_attention("decode", type, Dtype::f32, 8, 9, 3, 64, 1, 4096, bound);
    bench_attention("decode", type, q, 8, 12, 12, 64, 1, 4096, bound);
    bench_attention("decode", type, q, 8, 32, 4, 64, 1, 16384, bound);
    bench_attention("decode", type, q, 8, 14, 2, 64, 1, 16384, bound);
    for (int64_t depth : {4096, 16384}) bench_attention("decode", type, q, 8, 32, 8, 128, 1, depth, bound);
  }
}

void bench_prefill() {
  for (Dtype type : kTypes) {
    bench_attention("prefill", type, Dtype::f32, 1, 9, 3, 64, 512, 512, 0);
    bench_attention("prefill", type, Dtype::f32, 1, 9, 3, 64, 2048, 2048, 0);
  }
  bench_attention("prefill", Dtype::bf16, Dtype::bf16, 1, 9, 3, 64, 2048, 2048, 0);
  bench_attention("prefill", Dtype::bf16, Dtype::bf16, 1, 32, 8, 128, 512, 2048, 0);
}

void bench_matmuls() {
  for (Dtype type : kTypes) {
    for (int64_t m : {16, 128, 512}) bench_matmul(type, false, m, 1536, 576);
    bench_matmul(type, false, 512, 4096, 4096);
  }
  for (int64_t m : {16, 128, 512}) bench_matmul(Dtype::bf16, true, m, 1536, 576);
  bench_matmul(Dtype::bf16, true, 512, 4096, 4096);
}

}  // namespace

int run(int argc, char **argv) {
  auto wanted = [&](const char *what) {
    for (int i = 1; i < argc; ++i) {
      if (std::string(what) == argv[i]) return true;
    }
    return argc == 1;
  };
  std::printf("%s, level %s, one thread, CPU time\n", processor_name().c_str(), cpu_capability().name);
  double bound = bench_read();
  if (wanted("matvec")) bench_matvecs(bound);
  if (wanted("decode")) bench_decode(bound);
  if (wanted("prefill")) bench_prefill();
  if (wanted("blocks")) bench_blocks();
  if (wanted("mass")) bench_mass();
  if (wanted("matmul")) bench_matmuls();
  if (wanted("quantizer")) bench_quantizer();
  if (wanted("weights")) bench_weights();
  if (wanted("packed")) {
    bench_packed_decode();
    bench_packed_prefill();
  }
  return 0;
}

}  // namespace kvern::kernels::bench

int main(int argc, char **argv) { return kvern::kernels::bench::run(argc, argv); }
