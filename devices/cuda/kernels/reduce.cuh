// One value of all threads of a block, in every thread; the order of the sum depends on the number of threads alone.
#pragma once
#include "devices/cuda/device.cuh"

namespace kvern::device {

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Max {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// shared: 32 floats that no thread uses for anything else between its own last barrier and this call.
template <class Op>
__device__ inline float reduce_block(float x, float *shared, Op op) {
  for (int step = 16; step > 0; step /= 2) x = op(x, shuffle_xor(x, step));
  if (threadIdx.x % 32 == 0) shared[threadIdx.x / 32] = x;
  sync_block();
  x = shared[0];
  for (unsigned warp = 1; warp < blockDim.x / 32; ++warp) x = op(x, shared[warp]);
  sync_block();
  return x;
}

}  // namespace kvern::device
