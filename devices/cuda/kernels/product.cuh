// A product of rows with a weight matrix as kernels take it, and the dtypes of weights.
#pragma once
#include "devices/cuda/kernels/element.cuh"
#include "kernels/matmul.hpp"

namespace kvern::device {

/// As kernels::BatchedMatmulCall; grid.z goes over the batch.
struct Product {
  int64_t m, n, k, batch;
  const float *x;
  int64_t x_stride, x_step;
  const void *w;
  int64_t w_stride, w_step;
  const void *bias;
  Dtype bias_type;
  float *y;
  int64_t y_stride, y_step;
  bool accumulate, round_x;
};

/// y [row, column] of product `b` becomes sum.
__device__ inline void put(const Product &p, int64_t b, int64_t row, int64_t column, float sum) {
  float &y = p.y[b * p.y_step + row * p.y_stride + column];
  if (p.bias) sum += load(p.bias, p.bias_type, column);
  y = p.accumulate ? y + sum : sum;
}
__device__ inline float input(const Product &p, int64_t b, int64_t row, int64_t i) {
  const float x = p.x[b * p.x_step + row * p.x_stride + i];
  return p.round_x ? rounded_to_bf16(x) : x;
}

struct F32 {
  using Bits = float;
  static constexpr Dtype kType = Dtype::f32;
  __device__ static float number(float bits) { return bits; }
};
struct Bf16 {
  using Bits = uint16_t;
  static constexpr Dtype kType = Dtype::bf16;
  __device__ static float number(uint16_t bits) { return from_bf16(bits); }
};
struct F16 {
  using Bits = uint16_t;
  static constexpr Dtype kType = Dtype::f16;
  __device__ static float number(uint16_t bits) { return from_f16(bits); }
};

/// The elements of 16 bytes.
template <class Type>
struct Packed16 {
  static constexpr int kCount = 16 / static_cast<int>(sizeof(typename Type::Bits));
  typename Type::Bits bits[kCount];
};
template <class Type>
__device__ inline Packed16<Type> load_packed(const typename Type::Bits *from) {
  const uint4 words = load_once(from);
  Packed16<Type> packed;
  memcpy(&packed, &words, 16);
  return packed;
}

/// f(F32()), f(Bf16()) or f(F16()).
template <class F>
void with_type(Dtype type, F &&f) {
  if (type == Dtype::f32) return f(F32());
  if (type == Dtype::bf16) return f(Bf16());
  f(F16());
}

// launched by matmul.cu
void launch_matvec(const Product &product, Dtype type, kernels::WeightLayout layout, void *stream);
void launch_tiles(const Product &product, Dtype type, kernels::WeightLayout layout, void *stream);
void launch_bf16_tiles(const Product &product, void *stream);

}  // namespace kvern::device
