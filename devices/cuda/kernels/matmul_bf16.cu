// Products of many rows with bf16 weights [n, k] in the matrix units: x is rounded to bf16. Tiles of 64 x 64; a warp has 16 rows.
#include "devices/cuda/kernels/product.cuh"

namespace kvern::device {
namespace {

constexpr int kTile = 64, kDepth = 32, kThreads = 128;
constexpr int kPitch = kDepth + 8;  // rows begin in different banks

/// Two neighbours of a tile.
__device__ uint32_t pair(const uint16_t *tile, int row, int k) {
  return *reinterpret_cast<const uint32_t *>(tile + row * kPitch + k);
}

__global__ void __launch_bounds__(kThreads) matmul_bf16(const Product p) {
  auto *x = reinterpret_cast<uint16_t *>(shared_memory());  // [kTile][kPitch], then the same of W
  uint16_t *w = x + kTile * kPitch;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % 32, r = lane / 4, q = lane % 4;
  const int top = thread / 32 * 16;
  const int64_t column = int64_t{blockIdx.x} * kTile, row = int64_t{blockIdx.y} * kTile, b = blockIdx.z;
  const auto *weights = static_cast<const uint16_t *>(p.w) + b * p.w_step;
  float sum[kTile / 8][4] = {};
  for (int64_t begin = 0; begin < p.k; begin += kDepth) {
    for (int i = thread; i < kTile * kDepth; i += kThreads) {
      const int at = i / kDepth, d = i % kDepth;
      const bool inside = begin + d < p.k;
      x[at * kPitch + d] =
          inside && row + at < p.m ? to_bf16(p.x[b * p.x_step + (row + at) * p.x_stride + begin + d]) : 0;
      w[at * kPitch + d] = inside && column + at < p.n ? weights[(column + at) * p.w_stride + begin + d] : 0;
    }
    sync_block();
#pragma unroll
    for (int k = 0; k < kDepth; k += 16) {
      const uint32_t a[4] = {pair(x, top + r, k + 2 * q), pair(x, top + r + 8, k + 2 * q),
                             pair(x, top + r, k + 8 + 2 * q), pair(x, top + r + 8, k + 8 + 2 * q)};
#pragma unroll
      for (int tile = 0; tile < kTile / 8; ++tile)
        multiply_bf16(sum[tile], a, pair(w, tile * 8 + r, k + 2 * q), pair(w, tile * 8 + r, k + 8 + 2 * q));
    }
    sync_block();
  }
#pragma unroll
  for (int tile = 0; tile < kTile / 8; ++tile)
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int64_t m = row + top + r + i / 2 * 8, n = column + tile * 8 + 2 * q + i % 2;
      if (m < p.m && n < p.n) put(p, b, m, n, sum[tile][i]);
    }
}

}  // namespace

void launch_bf16_tiles(const Product &p, void *stream) {
  const dim3 grid(static_cast<unsigned>((p.n + kTile - 1) / kTile),
                  static_cast<unsigned>((p.m + kTile - 1) / kTile), static_cast<unsigned>(p.batch));
  launch(&matmul_bf16, grid, kThreads, 2 * kTile * kPitch * 2, stream, p);
}

}  // namespace kvern::device
