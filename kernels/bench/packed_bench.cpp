// Time of a layer's attention and of one key in one key head: packed in integers, packed unpacked block by block, dense.
#include "kernels/bench/packed_bench.hpp"

#include <cstdio>
#include <random>
#include <string>

#include "kernels/bench/bench_support.hpp"
#include "kernels/quant/attention.hpp"

namespace kvern::kernels::bench {
namespace {

using quant::Axis;

constexpr int64_t kColdBytes = int64_t{160} << 20;  // of all layers: more than the caches hold

struct Heads {
  int64_t q_heads, kv_heads, dim;
};

/// What every layer is asked.
struct Step {
  Step(const Heads &heads, int64_t n_new, int64_t depth)
      : q(heads.q_heads * n_new * heads.dim * 4), out(heads.q_heads * n_new * heads.dim * 4) {
    fill(q.data(), Dtype::f32, heads.q_heads * n_new * heads.dim);
    for (int64_t i = 0; i < n_new; ++i) q_pos.push_back(depth - n_new + i);
    call.rows = 1, call.q_heads = heads.q_heads, call.kv_heads = heads.kv_heads;
    call.n_new = n_new, call.kv_len = depth, call.dim_k = call.dim_v = heads.dim;
    call.q = q.data(), call.out = out.data(), call.q_pos = q_pos.data();
    call.q_stride = call.out_stride = {heads.q_heads * n_new * heads.dim, n_new * heads.dim, heads.dim};
    call.scale = 0.125f;
  }
  Memory q, out;
  std::vector<int64_t> q_pos;
  AttentionCall call;
};

void print(const std::string &what, const Step &step, int64_t layers, const Seconds &t) {
  const AttentionCall &c = step.call;
  const double layer = t.best / static_cast<double>(layers);
  std::printf("%-38s heads %2ld over %2ld of %3ld, %3ld new, depth %5ld: best %7.3f median %7.3f ms a layer",
              what.c_str(), c.q_heads, c.kv_heads, c.dim_k, c.n_new, c.kv_len, 1e3 * layer,
              1e3 * t.median / static_cast<double>(layers));
  std::printf(", %6.2f ns a key and key head\n", 1e9 * layer / static_cast<double>(c.kv_heads * c.kv_len));
}

void bench_dense(const Heads &heads, int64_t n_new, int64_t depth, Dtype type) {
  const int64_t elements = heads.kv_heads * depth * heads.dim, bytes = elements * size_of(type);
  const int64_t layers = n_new > 1 ? 1 : std::max<int64_t>(kColdBytes / (2 * bytes), 1);
  Memory k(bytes * layers), v(bytes * layers);
  fill(k.data(), type, elements * layers);
  Step step(heads, n_new, depth);
  AttentionCall &call = step.call;
  call.kv_type = type;
  call.round_to_bf16 = type == Dtype::bf16;
  call.k_stride = call.v_stride = {heads.kv_heads * depth * heads.dim, depth * heads.dim, heads.dim};
  const Seconds t = measure(7, [&] {
    for (int64_t layer = 0; layer < layers; ++layer) {
      call.k = k.data() + layer * bytes;
      call.v = v.data() + layer * bytes;
      attention(call, serial());
    }
  });
  print(std::string("dense ") + name_of(type), step, layers, t);
}

quant::TensorFormat tensor_format(int bits, Axis axis, int64_t group, int64_t dim) {
  quant::TensorFormat format;
  format.bits = bits, format.axis = axis, format.group = group, format.dim = dim;
  return format;
}

/// Random codes, scales and zeros that keep logits small.
void fill_block(std::mt19937_64 &random, const quant::BlockFormat &format, std::byte *block) {
  for (int64_t i = 0; i < format.bytes; i += 8) {
    const uint64_t bits = random();
    std::memcpy(block + i, &bits, 8);
  }
  for (const quant::TensorLayout *layout : {&format.key_layout, &format.value_layout}) {
    for (int64_t i = 0; i < layout->groups * layout->group_stride; ++i) {
      store_element(block + layout->scales, Dtype::f16, i, 1.0f + static_cast<float>(i % 7) * 0.1f);
      store_element(block + layout->zeros, Dtype::f16, i, static_cast<float>(i % 5) * 0.1f);
      if (layout->zeros_low >= 0) store_element(block + layout->zeros_low, Dtype::f16, i, 0.0f);
    }
  }
}

void bench_packed(const Heads &heads, int64_t n_new, int64_t depth, const quant::TensorFormat &key,
                  const quant::TensorFormat &value, quant::ComputeDtype compute_dtype) {
  const quant::BlockFormat format(key, value);
  const int64_t blocks = (depth + format.tokens - 1) / format.tokens,
                bytes = heads.kv_heads * blocks * format.bytes;
  const int64_t layers = n_new > 1 ? 1 : std::max<int64_t>(kColdBytes / bytes, 1);
  Memory memory(bytes * layers);
  std::byte *data = reinterpret_cast<std::byte *>(memory.data());
  std::mt19937_64 random(1);
  for (int64_t i = 0; i < bytes * layers; i += format.bytes) fill_block(random, format, data + i);
  Step step(heads, n_new, depth);
  step.call.round_to_bf16 = compute_dtype == quant::ComputeDtype::bf16;
  const Seconds t = measure(7, [&] {
    for (int64_t layer = 0; layer < layers; ++layer) {
      const quant::BlockRun run = {data + layer * bytes, blocks * format.bytes, 0, depth};
      const quant::PackedRow row = {&run, 1};
      quant::attention({step.call, &format, &row, compute_dtype}, serial());
    }
  });
  auto axis = [](const quant::TensorFormat &f) { return f.axis == Axis::token ? "t" : "c"; };
  std::string what = "packed k" + std::to_string(key.bits) + axis(key) + std::to_string(key.group) + " v" +
                     std::to_string(value.bits) + axis(value) + std::to_string(value.group);
  what += compute_dtype == quant::ComputeDtype::automatic ? " auto"
          : compute_dtype == quant::ComputeDtype::f32     ? " f32"
                                                          : " bf16";
  print(what, step, layers, t);
}

constexpr Heads kHeads[] = {{9, 3, 64}, {14, 2, 64}, {32, 4, 64}, {12, 12, 64}, {32, 8, 128}};

}  // namespace

void bench_packed_decode() {
  for (const Heads &heads : kHeads) {
    const int64_t depth = heads.kv_heads == 12 ? 4096 : 16384;
    for (Dtype type : {Dtype::f32, Dtype::f16, Dtype::bf16}) bench_dense(heads, 1, depth, type);
    for (int bits : {8, 4, 3, 2, 1}) {
      for (Axis axis : {Axis::token, Axis::channel}) {
        const quant::TensorFormat key = tensor_format(bits, axis, 64, heads.dim);
        const quant::TensorFormat value = tensor_format(bits, Axis::token, 64, heads.dim);
        bench_packed(heads, 1, depth, key, value, quant::ComputeDtype::automatic);
      }
    }
  }
  const Heads heads = kHeads[0];
  for (int64_t group : {16, 32, 64, 128}) {
    for (Axis axis : {Axis::token, Axis::channel}) {
      const quant::TensorFormat format = tensor_format(4, axis, group, heads.dim);
      bench_packed(heads, 1, 16384, format, format, quant::ComputeDtype::automatic);
    }
  }
  const quant::TensorFormat format = tensor_format(4, Axis::token, 64, heads.dim);
  bench_packed(heads, 1, 512, format, format, quant::ComputeDtype::automatic);
  bench_dense(heads, 1, 512, Dtype::f16);
  bench_packed(heads, 1, 4096, format, format, quant::ComputeDtype::f32);
}

void bench_packed_prefill() {
  for (int64_t n : {512, 2048}) {
    const Heads heads = kHeads[0];
    const quant::TensorFormat format = tensor_format(4, Axis::token, 64, heads.dim);
    for (Dtype type : {Dtype::f32, Dtype::bf16}) bench_dense(heads, n, n, type);
    for (quant::ComputeDtype a : {quant::ComputeDtype::f32, quant::ComputeDtype::bf16})
      bench_packed(heads, n, n, format, format, a);
  }
}

}  // namespace kvern::kernels::bench
