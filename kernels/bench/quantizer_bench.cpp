// Time of packing and unpacking one number: heads of 64, groups of 64, blocks that stay in the processor's caches.
#include "kernels/bench/quantizer_bench.hpp"

#include <cstdio>

#include "kernels/bench/bench_support.hpp"
#include "kernels/quant/quantize.hpp"

namespace kvern::kernels::bench {
namespace {

using namespace quant;

constexpr int64_t kTokens = 64, kDim = 64, kBlocks = 8, kNumbers = kTokens * kDim * kBlocks;

const char *name_of(Axis axis) { return axis == Axis::token ? "per token  " : "per channel"; }

double nanoseconds(const Seconds &t, int64_t repeats) {
  return 1e9 * t.best / static_cast<double>(kNumbers * repeats);
}

void bench_format(int bits, Axis axis, bool rotate) {
  const TensorFormat tensor = {bits, axis, 64, kDim, rotate};
  const BlockFormat format(tensor, tensor);
  Memory x(kNumbers * 4), blocks(format.bytes * kBlocks), out(kNumbers * 4);
  fill(x.data(), Dtype::f32, kNumbers);
  auto block = [&](int64_t i) { return reinterpret_cast<std::byte *>(blocks.data()) + i * format.bytes; };
  auto row = [&](Memory &memory, int64_t i) { return memory.data() + i * kTokens * kDim * 4; };
  auto pack = [&](Search search, int64_t repeats) {
    return nanoseconds(measure(5,
                               [&] {
                                 for (int64_t i = 0; i < kBlocks * repeats; ++i) {
                                   quantize_keys(format, {row(x, i % kBlocks), Dtype::f32, kDim}, kTokens,
                                                 search, block(i % kBlocks));
                                   quantize_values(format, {row(x, i % kBlocks), Dtype::f32, kDim}, kTokens,
                                                   search, block(i % kBlocks));
                                 }
                               }),
                       2 * repeats);
  };
  auto unpack = [&](bool keys, Dtype type) {
    constexpr int64_t kRepeats = 50;
    return nanoseconds(measure(5,
                               [&] {
                                 for (int64_t i = 0; i < kBlocks * kRepeats; ++i) {
                                   (keys ? dequantize_keys : dequantize_values)(
                                       format, block(i % kBlocks), 0, kTokens, true, row(out, i % kBlocks),
                                       type, kDim);
                                 }
                               }),
                       kRepeats);
  };
  const double none = pack(Search::none, 4), full = pack(Search::full, 1), fast = pack(Search::fast, 4);
  std::printf("quantizer %d bits %s%s  pack: none %5.2f fast %5.2f full %6.2f ns a number", bits,
              name_of(axis), rotate ? " rotated" : "        ", none, fast, full);
  std::printf("  unpack to f32: keys %.3f values %.3f, bf16: keys %.3f values %.3f ns\n",
              unpack(true, Dtype::f32), unpack(false, Dtype::f32), unpack(true, Dtype::bf16),
              unpack(false, Dtype::bf16));
}

}  // namespace

void bench_quantizer() {
  for (int bits : {8, 4, 3, 2, 1}) {
    bench_format(bits, Axis::token, false);
    bench_format(bits, Axis::channel, false);
  }
  bench_format(4, Axis::token, true);
}

}  // namespace kvern::kernels::bench
