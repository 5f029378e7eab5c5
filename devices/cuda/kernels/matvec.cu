// y = W x for up to eight rows of x: W is read once. x passes through shared memory in pieces.
#include "devices/cuda/kernels/product.cuh"

namespace kvern::device {
namespace {

constexpr int kPiece = 1024, kThreads = 256, kColumnThreads = 128;

/// A piece of x [kM][kPiece] into shared memory; columns from `begin`, `n` of them.
template <int kM>
__device__ void stage(const Product &p, int64_t b, int64_t begin, int n, float *shared) {
  sync_block();  // the piece before has been read
  for (int i = static_cast<int>(threadIdx.x); i < n; i += static_cast<int>(blockDim.x))
#pragma unroll
    for (int row = 0; row < kM; ++row)
      shared[row * kPiece + i] = row < p.m ? input(p, b, row, begin + i) : 0.0f;
  sync_block();
}

/// W [n, k]: a warp has kRows rows of W. kAligned: every row of W begins at a multiple of 16 bytes.
template <class Type, int kM, int kRows, bool kAligned>
__global__ void __launch_bounds__(kThreads) matvec_rows(const Product p) {
  constexpr int kEach = kAligned ? Packed16<Type>::kCount : 1;
  auto *x = reinterpret_cast<float *>(shared_memory());
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int64_t first = (int64_t{blockIdx.x} * (kThreads / 32) + threadIdx.x / 32) * kRows, b = blockIdx.z;
  const auto *w = static_cast<const typename Type::Bits *>(p.w) + b * p.w_step;
  float sum[kRows][kM] = {};
  for (int64_t begin = 0; begin < p.k; begin += kPiece) {
    const int n = static_cast<int>(p.k - begin < kPiece ? p.k - begin : kPiece);
    stage<kM>(p, b, begin, n, x);
#pragma unroll
    for (int row = 0; row < kRows; ++row) {
      if (first + row >= p.n) break;
      const auto *from = w + (first + row) * p.w_stride + begin;
      const int whole = n / kEach * kEach;
      for (int i = lane * kEach; kAligned && i < whole; i += 32 * kEach) {
        const Packed16<Type> packed = load_packed<Type>(from + i);
#pragma unroll
        for (int j = 0; j < Packed16<Type>::kCount; ++j)
#pragma unroll
          for (int m = 0; m < kM; ++m) sum[row][m] += x[m * kPiece + i + j] * Type::number(packed.bits[j]);
      }
      for (int i = (kAligned ? whole : 0) + lane; i < n; i += 32)
#pragma unroll
        for (int m = 0; m < kM; ++m) sum[row][m] += x[m * kPiece + i] * Type::number(from[i]);
    }
  }
#pragma unroll
  for (int row = 0; row < kRows; ++row)
#pragma unroll
    for (int m = 0; m < kM; ++m) {
#pragma unroll
      for (int step = 16; step > 0; step /= 2) sum[row][m] += shuffle_xor(sum[row][m], step);
      if (lane == 0 && m < p.m && first + row < p.n) put(p, b, m, first + row, sum[row][m]);
    }
}

/// W [k, n]: a thread has a column.
template <class Type, int kM>
__global__ void __launch_bounds__(kColumnThreads) matvec_columns(const Product p) {
  auto *x = reinterpret_cast<float *>(shared_memory());
  const int64_t column = int64_t{blockIdx.x} * kColumnThreads + threadIdx.x, b = blockIdx.z;
  const auto *w = static_cast<const typename Type::Bits *>(p.w) + b * p.w_step;
  float sum[kM] = {};
  for (int64_t begin = 0; begin < p.k; begin += kPiece) {
    const int n = static_cast<int>(p.k - begin < kPiece ? p.k - begin : kPiece);
    stage<kM>(p, b, begin, n, x);
    for (int i = 0; column < p.n && i < n; ++i) {
      const float weight = Type::number(w[(begin + i) * p.w_stride + column]);
#pragma unroll
      for (int m = 0; m < kM; ++m) sum[m] += x[m * kPiece + i] * weight;
    }
  }
  for (int m = 0; m < kM; ++m)
    if (m < p.m && column < p.n) put(p, b, m, column, sum[m]);
}

bool aligned(const Product &p, int64_t size) {
  return reinterpret_cast<uintptr_t>(p.w) % 16 == 0 && p.w_stride * size % 16 == 0 &&
         p.w_step * size % 16 == 0;
}

template <class Type, int kM>
void launch_rows(const Product &p, void *stream) {
  constexpr int kRows = kM == 1 ? 2 : 1;
  const auto blocks = static_cast<unsigned>((p.n + kThreads / 32 * kRows - 1) / (kThreads / 32 * kRows));
  const dim3 grid(blocks, 1, static_cast<unsigned>(p.batch));
  const bool by_16 = aligned(p, sizeof(typename Type::Bits));
  const auto kernel = by_16 ? &matvec_rows<Type, kM, kRows, true> : &matvec_rows<Type, kM, kRows, false>;
  launch(kernel, grid, kThreads, kM * kPiece * 4, stream, p);
}

template <class Type, int kM>
void launch_m(const Product &p, kernels::WeightLayout layout, void *stream) {
  if (layout == kernels::WeightLayout::n_k) return launch_rows<Type, kM>(p, stream);
  const dim3 grid(static_cast<unsigned>((p.n + kColumnThreads - 1) / kColumnThreads), 1,
                  static_cast<unsigned>(p.batch));
  launch(&matvec_columns<Type, kM>, grid, kColumnThreads, kM * kPiece * 4, stream, p);
}

}  // namespace

void launch_matvec(const Product &p, Dtype type, kernels::WeightLayout layout, void *stream) {
  with_type(type, [&](auto t) {
    using Type = decltype(t);
    if (p.m == 1) return launch_m<Type, 1>(p, layout, stream);
    if (p.m == 2) return launch_m<Type, 2>(p, layout, stream);
    if (p.m <= 4) return launch_m<Type, 4>(p, layout, stream);
    launch_m<Type, 8>(p, layout, stream);
  });
}

}  // namespace kvern::device
