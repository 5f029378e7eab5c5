// The small operations between matrix products, fused where that saves a pass over memory: norms,
// activations, rotary embedding, conversion, argmax, embedding lookup. Everything is f32 but where a Dtype is
// given. Strides count elements, rows are contiguous. Reference implementations: elementwise_reference.hpp.
// [any thread]
#pragma once
#include <cstdint>

#include "kernels/dtype.hpp"
#include "kernels/parallel.hpp"

namespace kvern::kernels {

/// Rows of `dim` elements to normalize. If residual is set, x is added to it first, and the sum, which stays
/// in residual, is normalized. out may be x.
struct NormCall {
  int64_t rows = 0, dim = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;
  float *residual = nullptr;  ///< nullable
  int64_t residual_stride = 0;
  const void *weight = nullptr;  ///< nullable, [dim]
  Dtype weight_type = Dtype::f32;
  float weight_offset = 0.0f;  ///< added to each weight (Gemma: 1)
  const void *bias = nullptr;  ///< nullable, [dim], layer_norm only
  Dtype bias_type = Dtype::f32;
  float eps = 1e-5f;
  float *out = nullptr;
  int64_t out_stride = 0;
};

/// out = x / sqrt(mean(x^2) + eps) * (weight + weight_offset)
void rms_norm(const NormCall &call, const Parallel &parallel);

/// out = (x - mean) / sqrt(variance + eps) * (weight + weight_offset) + bias
void layer_norm(const NormCall &call, const Parallel &parallel);

enum class Activation : int32_t { silu, gelu_tanh, gelu, relu, relu2 };  // relu2: relu, squared

/// Reference implementation in double precision.
double activation_reference(Activation kind, double x);

/// out = activation(x), times `up` if that is set. out may be x or up.
struct ActivationCall {
  Activation activation = Activation::silu;
  int64_t rows = 0, dim = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;
  const float *up = nullptr;  ///< nullable
  int64_t up_stride = 0;
  float *out = nullptr;
  int64_t out_stride = 0;
};
void activate(const ActivationCall &call, const Parallel &parallel);

/// out = out + scale * x, rows x dim.
void add_scaled(float *out, int64_t out_stride, const float *x, int64_t x_stride, float scale, int64_t rows,
                int64_t dim, const Parallel &parallel);

/// Applies rotary embedding to the first rotary_dim of each head's `dim` elements, in place. x [tokens,
/// heads, dim]; cos, sin [tokens, rotary_dim / 2] contiguous. Pairs are (i, i + rotary_dim / 2), or (2 i, 2 i
/// + 1) if interleaved.
struct RotaryCall {
  int64_t tokens = 0, heads = 0, dim = 0, rotary_dim = 0;
  float *x = nullptr;
  int64_t token_stride = 0, head_stride = 0;
  const float *cos = nullptr, *sin = nullptr;
  bool interleaved = false;
};
void rotate(const RotaryCall &call, const Parallel &parallel);

/// Converts rows of `dim` elements from one dtype to another, rounded to nearest, ties to even.
struct ConvertCall {
  int64_t rows = 0, dim = 0;
  const void *from = nullptr;
  Dtype from_type = Dtype::f32;
  int64_t from_stride = 0;
  void *to = nullptr;
  Dtype to_type = Dtype::f32;
  int64_t to_stride = 0;
};
void convert(const ConvertCall &call, const Parallel &parallel);

/// out[i] = scale * table[ids[i]], f32. Ids are not checked: they must be rows of the table.
struct EmbeddingCall {
  int64_t n = 0, dim = 0;
  const int64_t *ids = nullptr;
  const void *table = nullptr;
  Dtype type = Dtype::f32;
  int64_t table_stride = 0;
  float scale = 1.0f;
  float *out = nullptr;
  int64_t out_stride = 0;
};
void embed(const EmbeddingCall &call, const Parallel &parallel);

/// Index of the largest of n elements, the first one among equals; NaN is never the largest. 0 if n is 0.
int64_t argmax(const float *x, int64_t n);

}  // namespace kvern::kernels
