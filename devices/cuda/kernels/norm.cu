// Norms: a block per row.
#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/element.cuh"
#include "devices/cuda/kernels/reduce.cuh"

namespace kvern::device {
namespace {

struct NormKernel {
  kernels::NormCall c;
  bool centered;
};

__device__ float normalized(const kernels::NormCall &c, int64_t i, float x, bool centered) {
  const float weight = c.weight ? load(c.weight, c.weight_type, i) + c.weight_offset : 1.0f;
  return centered && c.bias ? x * weight + load(c.bias, c.bias_type, i) : x * weight;
}

// every pass gives an element to the same thread, so that x, residual and out need no barrier
__global__ void __launch_bounds__(256) norm_rows(const NormKernel call) {
  const kernels::NormCall &c = call.c;
  auto *shared = reinterpret_cast<float *>(shared_memory());
  const auto thread = static_cast<int64_t>(threadIdx.x);
  for (int64_t row = blockIdx.x; row < c.rows; row += gridDim.x) {
    const float *x = c.x + row * c.x_stride;
    float sum = 0.0f, squares = 0.0f;
    if (c.residual) {
      float *residual = c.residual + row * c.residual_stride;
      for (int64_t i = thread; i < c.dim; i += blockDim.x) residual[i] += x[i];
      x = residual;
    }
    for (int64_t i = thread; call.centered && i < c.dim; i += blockDim.x) sum += x[i];
    const float mean = call.centered ? reduce_block(sum, shared, Sum()) / static_cast<float>(c.dim) : 0.0f;
    for (int64_t i = thread; i < c.dim; i += blockDim.x) squares += (x[i] - mean) * (x[i] - mean);
    const float variance = reduce_block(squares, shared, Sum()) / static_cast<float>(c.dim);
    const float factor = 1.0f / sqrtf(variance + c.eps);
    for (int64_t i = thread; i < c.dim; i += blockDim.x)
      c.out[row * c.out_stride + i] = normalized(c, i, (x[i] - mean) * factor, call.centered);
  }
}

}  // namespace

void norm(Norm kind, const kernels::NormCall &call, StreamHandle stream) {
  if (call.rows == 0 || call.dim == 0) return;
  const int threads = call.dim <= 64 ? 32 : call.dim <= 512 ? 128 : 256;
  const int64_t blocks = call.rows < 65535 ? call.rows : 65535;
  launch(&norm_rows, dim3(static_cast<unsigned>(blocks)), threads, 32 * 4, stream,
         NormKernel{call, kind == Norm::layer});
}

}  // namespace kvern::device
