// The largest element of a row: a block per row.
#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/element.cuh"

namespace kvern::device {
namespace {

constexpr int kThreads = 256;

/// id -1: nothing yet
struct Largest {
  float value;
  int64_t id;
};
__device__ Largest larger(const Largest &a, const Largest &b) {
  if (b.id < 0) return a;
  if (a.id < 0 || b.value > a.value || (b.value == a.value && b.id < a.id)) return b;
  return a;
}

__global__ void __launch_bounds__(kThreads) argmax_rows(const ArgmaxCall c) {
  auto *of_warp = reinterpret_cast<Largest *>(shared_memory());
  for (int64_t row = blockIdx.x; row < c.rows; row += gridDim.x) {
    Largest best{0.0f, -1};
    for (int64_t i = threadIdx.x; i < c.n; i += kThreads) {
      const float x = c.x[row * c.x_stride + i];
      if (x == x) best = larger(best, {x, i});
    }
    for (int step = 16; step > 0; step /= 2)
      best = larger(best, {shuffle_xor(best.value, step), shuffle_xor(best.id, step)});
    if (threadIdx.x % 32 == 0) of_warp[threadIdx.x / 32] = best;
    sync_block();
    for (int warp = 1; warp < kThreads / 32 && threadIdx.x == 0; ++warp) best = larger(best, of_warp[warp]);
    if (threadIdx.x == 0) c.ids[row] = best.id < 0 ? 0 : best.id;
    sync_block();
  }
}

}  // namespace

void argmax(const ArgmaxCall &call, StreamHandle stream) {
  if (call.rows == 0) return;
  const int64_t blocks = call.rows < 65535 ? call.rows : 65535;
  launch(&argmax_rows, dim3(static_cast<unsigned>(blocks)), kThreads, kThreads / 32 * sizeof(Largest), stream,
         call);
}

}  // namespace kvern::device
