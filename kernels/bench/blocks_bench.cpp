#include "kernels/bench/blocks_bench.hpp"

#include <cstdio>

#include "kernels/attention_blocks.hpp"
#include "kernels/bench/bench_support.hpp"

namespace kvern::kernels::bench {
namespace {

constexpr int kRepeats = 11;
constexpr int64_t kLayers = 30, kQueryHeads = 9, kKeyHeads = 3, kDim = 64;

/// Keys and values of all layers, once dense (each layer by itself) and once in blocks (each block of all layers by itself), as
/// caches allocate them.
class Decode {
 public:
  Decode(Dtype type, int64_t depth)
      : type_(type),
        depth_(depth),
        q_(kQueryHeads * kDim * 4),
        out_(kQueryHeads * kDim * 4),
        memory_(kLayers * 2 * kKeyHeads * (depth + kMaxTokens) * kDim * size_of(type)),
        q_pos_(depth - 1) {
    fill(q_.data(), Dtype::f32, kQueryHeads * kDim);
    fill(memory_.data(), type, kLayers * 2 * kKeyHeads * (depth + kMaxTokens) * kDim);
  }

  /// Milliseconds of all layers.
  double dense() {
    const int64_t half = kKeyHeads * depth_ * kDim;
    return time([&](int64_t layer) {
      AttentionCall call = common();
      call.k = element_at(memory_.data(), type_, 2 * layer * half);
      call.v = element_at(memory_.data(), type_, (2 * layer + 1) * half);
      call.k_stride = call.v_stride = {half, depth_ * kDim, kDim};
      attention(call, serial());
    });
  }

  double blocked(int64_t tokens) {
    const int64_t head = tokens * kDim, blocks = (depth_ + tokens - 1) / tokens;
    std::vector<KeyBlock> list(static_cast<size_t>(blocks));
    return time([&](int64_t layer) {
      for (int64_t b = 0; b < blocks; ++b) {
        const int64_t at = (b * kLayers + layer) * 2 * kKeyHeads * head;
        list[static_cast<size_t>(b)] = {element_at(memory_.data(), type_, at),
                                        element_at(memory_.data(), type_, at + kKeyHeads * head), head, head};
      }
      const BlockedRow row{list.data(), depth_};
      BlockedCall call{common(), &row, tokens};
      call.dense.k_stride.pos = call.dense.v_stride.pos = kDim;
      attention(call, serial());
    });
  }

  static constexpr int64_t kMaxTokens = 1024;

 private:
  AttentionCall common() {
    AttentionCall call;
    call.rows = 1, call.q_heads = kQueryHeads, call.kv_heads = kKeyHeads, call.n_new = 1,
    call.kv_len = depth_;
    call.dim_k = call.dim_v = kDim;
    call.kv_type = type_, call.round_to_bf16 = type_ == Dtype::bf16;
    call.q = q_.data(), call.out = out_.data(), call.q_pos = &q_pos_;
    call.q_stride = call.out_stride = {kQueryHeads * kDim, kDim, kDim};
    call.scale = 0.125f;
    return call;
  }
  template <class Layer>
  static double time(Layer layer) {
    const double start = cpu_seconds();
    for (int64_t l = 0; l < kLayers; ++l) layer(l);
    return 1e3 * (cpu_seconds() - start);
  }

  Dtype type_;
  int64_t depth_;
  Memory q_, out_, memory_;
  int64_t q_pos_;
};

double median(std::vector<double> times) {
  std::nth_element(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

void compare(Dtype type, int64_t depth) {
  constexpr int64_t kTokens[] = {64, 128, 256, 512, 1024};
  Decode decode(type, depth);
  std::vector<double> dense;
  std::vector<std::vector<double>> blocked(std::size(kTokens));
  for (int i = 0; i <= kRepeats; ++i) {
    const double ms = decode.dense();
    if (i > 0) dense.push_back(ms);
    for (size_t t = 0; t < std::size(kTokens); ++t) {
      const double in_blocks = decode.blocked(kTokens[t]);
      if (i > 0) blocked[t].push_back(in_blocks);
    }
  }
  std::printf("blocks %-4s depth %5ld  dense %7.3f ms", name_of(type), depth, median(dense));
  for (size_t t = 0; t < std::size(kTokens); ++t)
    std::printf("  of %ld: %7.3f (%.3f)", kTokens[t], median(blocked[t]), median(blocked[t]) / median(dense));
  std::printf("\n");
}

}  // namespace

void bench_blocks() {
  for (const Dtype type : {Dtype::bf16, Dtype::f32}) {
    compare(type, 512);
    compare(type, 4096);
    compare(type, 16384);
  }
}

}  // namespace kvern::kernels::bench
