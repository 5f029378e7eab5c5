#include "kernels/bench/read_streams.hpp"

namespace kvern::kernels::bench {
namespace {

constexpr int kLineBytes = 64, kSums = 4;
constexpr int64_t kNearer = 65;  // lines: streams a power of two apart hinder each other in the memory
typedef float Line __attribute__((vector_size(kLineBytes)));
volatile float sink;

template <int kStreams>
[[gnu::always_inline]] inline void read(const Line *lines, int64_t n) {
  constexpr int kEach = kStreams < kSums ? kSums / kStreams : 1;  // lines of a stream in one turn
  const int64_t apart = n / kStreams - kNearer;
  Line sums[kSums] = {};
  for (int64_t i = 0; i + kEach <= apart; i += kEach)
#pragma GCC unroll 8
    for (int s = 0; s < kStreams; ++s)
#pragma GCC unroll 4
      for (int j = 0; j < kEach; ++j) sums[(s * kEach + j) % kSums] += lines[s * apart + i + j];
  const Line all = sums[0] + sums[1] + sums[2] + sums[3];
  sink = all[0];
}

}  // namespace

__attribute__((target_clones("avx512f", "avx2", "default"))) void read_streams(const char *data,
                                                                               int64_t bytes, int streams) {
  const auto *lines = reinterpret_cast<const Line *>(data);
  const int64_t n = bytes / kLineBytes;
  switch (streams) {
    case 1:
      return read<1>(lines, n);
    case 2:
      return read<2>(lines, n);
    case 4:
      return read<4>(lines, n);
    default:
      return read<8>(lines, n);
  }
}

}  // namespace kvern::kernels::bench
