// Products with many rows (prompts) in tiles of 64 x 64, and the choice between the kernels of a product.
#include <stdexcept>

#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/product.cuh"

namespace kvern::device {
namespace {

constexpr int kTile = 64, kDepth = 16, kThreads = 256, kPitch = kTile + 4;

/// Element [column, i] of W.
template <class Type, bool kRowsOfK>
__device__ float weight(const Product &p, const typename Type::Bits *w, int64_t column, int64_t i) {
  return Type::number(w[kRowsOfK ? column * p.w_stride + i : i * p.w_stride + column]);
}

// a thread has 4 x 4 elements of y
template <class Type, bool kRowsOfK>
__global__ void __launch_bounds__(kThreads) matmul_tiles(const Product p) {
  auto *x = reinterpret_cast<float *>(shared_memory());  // [kDepth][kPitch], then the same of W
  float *w = x + kDepth * kPitch;
  const int thread = static_cast<int>(threadIdx.x), across = thread % 16 * 4, down = thread / 16 * 4;
  const int64_t column = int64_t{blockIdx.x} * kTile, row = int64_t{blockIdx.y} * kTile, b = blockIdx.z;
  const auto *weights = static_cast<const typename Type::Bits *>(p.w) + b * p.w_step;
  float sum[4][4] = {};
  for (int64_t begin = 0; begin < p.k; begin += kDepth) {
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int64_t at = row + i / kDepth, k = begin + i % kDepth;
      x[i % kDepth * kPitch + i / kDepth] = at < p.m && k < p.k ? input(p, b, at, k) : 0.0f;
    }
    for (int i = thread; i < kTile * kDepth; i += kThreads) {  // neighbours read neighbours
      const int c = kRowsOfK ? i / kDepth : i % kTile, d = kRowsOfK ? i % kDepth : i / kTile;
      const bool there = column + c < p.n && begin + d < p.k;
      w[d * kPitch + c] = there ? weight<Type, kRowsOfK>(p, weights, column + c, begin + d) : 0.0f;
    }
    sync_block();
#pragma unroll
    for (int d = 0; d < kDepth; ++d)
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sum[i][j] += x[d * kPitch + down + i] * w[d * kPitch + across + j];
    sync_block();
  }
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < 4; ++j)
      if (row + down + i < p.m && column + across + j < p.n)
        put(p, b, row + down + i, column + across + j, sum[i][j]);
}

dim3 grid_of_tiles(const Product &p) {
  return {static_cast<unsigned>((p.n + kTile - 1) / kTile), static_cast<unsigned>((p.m + kTile - 1) / kTile),
          static_cast<unsigned>(p.batch)};
}

Product product_of(const kernels::BatchedMatmulCall &call) {
  const kernels::MatmulCall &c = call.first;
  return {c.m,
          c.n,
          c.k,
          call.batch,
          c.x,
          c.x_stride,
          call.x_step,
          c.w,
          c.w_stride,
          call.w_step,
          c.bias,
          c.bias_type,
          c.y,
          c.y_stride,
          call.y_step,
          c.accumulate,
          c.round_x && c.w_type == Dtype::bf16};
}

}  // namespace

void launch_tiles(const Product &p, Dtype type, kernels::WeightLayout layout, void *stream) {
  with_type(type, [&](auto t) {
    using Type = decltype(t);
    const bool rows = layout == kernels::WeightLayout::n_k;
    launch(rows ? &matmul_tiles<Type, true> : &matmul_tiles<Type, false>, grid_of_tiles(p), kThreads,
           2 * kDepth * kPitch * 4, stream, p);
  });
}

void matmul(const kernels::BatchedMatmulCall &call, StreamHandle stream) {
  const Product p = product_of(call);
  if (p.m == 0 || p.n == 0 || p.batch == 0) return;
  if (p.batch > 65535 || p.m > int64_t{65535} * kTile)
    throw std::invalid_argument("matmul: a batch of more than 65535 products");
  const Dtype type = call.first.w_type;
  if (p.m <= 8) return launch_matvec(p, type, call.first.layout, stream);
  if (p.round_x && call.first.layout == kernels::WeightLayout::n_k) return launch_bf16_tiles(p, stream);
  launch_tiles(p, type, call.first.layout, stream);
}

}  // namespace kvern::device
