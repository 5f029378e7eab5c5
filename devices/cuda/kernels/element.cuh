// Elements of any dtype, and what is computed of one element.
#pragma once
#include "devices/cuda/device.cuh"
#include "kernels/elementwise.hpp"

namespace kvern::device {

using kernels::Dtype;

__device__ inline float load(const void *data, Dtype type, int64_t i) {
  if (type == Dtype::f32) return static_cast<const float *>(data)[i];
  const uint16_t bits = static_cast<const uint16_t *>(data)[i];
  return type == Dtype::bf16 ? from_bf16(bits) : from_f16(bits);
}
__device__ inline void store(void *data, Dtype type, int64_t i, float x) {
  if (type == Dtype::f32)
    static_cast<float *>(data)[i] = x;
  else
    static_cast<uint16_t *>(data)[i] = type == Dtype::bf16 ? to_bf16(x) : to_f16(x);
}
__device__ inline float rounded_to_bf16(float x) { return from_bf16(to_bf16(x)); }

/// What is not a number stays so.
__device__ inline float clamped(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

__device__ inline float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }
__device__ inline float softplus(float x) { return x > 20.0f ? x : log1pf(expf(x)); }

__device__ inline float activated(kernels::Activation kind, float x) {
  using kernels::Activation;
  if (kind == Activation::silu) return x * sigmoid(x);
  if (kind == Activation::gelu_tanh)
    return 0.5f * x * (1.0f + tanhf(0.797884560802865f * (x + 0.044715f * x * x * x)));
  if (kind == Activation::gelu) return 0.5f * x * (1.0f + erff(x * 0.707106781186548f));
  const float positive = x > 0 ? x : 0.0f;
  return kind == Activation::relu ? positive : positive * positive;
}

/// Which elements of [rows, dim] a thread computes: for (it; it.row < rows;) for (i = it.first; i < dim; i += it.step).
struct GridRows {
  int64_t row, row_step, first, step;
};
__device__ inline GridRows grid_rows() {
  return {blockIdx.y, gridDim.y, int64_t{blockIdx.x} * blockDim.x + threadIdx.x,
          int64_t{gridDim.x} * blockDim.x};
}

constexpr int kRowThreads = 128;
/// The grid that grid_rows covers [rows, dim] with.
inline dim3 grid_of_rows(int64_t rows, int64_t dim) {
  const int64_t blocks = (dim + kRowThreads - 1) / kRowThreads;
  return {static_cast<unsigned>(blocks < 1024 ? blocks : 1024),
          static_cast<unsigned>(rows < 65535 ? rows : 65535), 1};
}

}  // namespace kvern::device
