// The experts of a mixture: gated MLPs, of which each token goes through a few.
#pragma once
#include <cstdint>
#include <functional>

#include "kernels/elementwise.hpp"
#include "kernels/matmul.hpp"
#include "kernels/weights/product.hpp"

namespace kvern::kernels {

/// The weights of one expert of width I. Layout n_k: gate and up [I, dim], up right behind gate or elsewhere, down [dim, I]. Layout
/// k_n: gate [dim, 2 I] holds both, down [I, dim]. Biases are nullable: gate_bias [2 I] of both, down_bias [dim].
struct Expert {
  const void *gate = nullptr, *up = nullptr, *down = nullptr;
  const void *gate_bias = nullptr, *down_bias = nullptr;
  /// Each in place of its matrix above, nullable; without up and packed_up packed_gate has the rows of both, [2 I, dim].
  const PackedMatrix *packed_gate = nullptr, *packed_up = nullptr, *packed_down = nullptr;
};

/// What is between an expert's products: activation(gate) * up or, if clamp is above 0,
/// (clamp(up, -clamp, clamp) + 1) * g * sigmoid(alpha * g) with g = min(gate, clamp).
struct ExpertActivation {
  Activation activation = Activation::silu;
  float clamp = 0.0f, alpha = 1.702f;
  bool interleaved = false;  ///< gate and up alternate: elements 2 i and 2 i + 1; with a clamp only
};

/// What the matrices of an expert are multiplied with: rows of x [dim], and of what lies between the products [width].
struct ExpertInputs {
  const Expert *expert = nullptr;
  int64_t rows = 0;
  const float *x = nullptr;
  int64_t x_stride = 0;
  const float *hidden = nullptr;
  int64_t hidden_stride = 0;
};
using ExpertsObserver = std::function<void(const ExpertInputs &)>;

/// out[r] = (accumulate ? out[r] : 0) + sum over i of weights[r][i] * expert ids[r][i] of x[r]. x, out [rows, dim] float32, which do
/// not overlap.
struct ExpertsCall {
  int64_t rows = 0, dim = 0, width = 0, experts = 0, top_k = 0;
  const Expert *expert = nullptr;  ///< [experts], in host memory; all of one type and layout
  Dtype type = Dtype::f32;
  WeightLayout layout = WeightLayout::n_k;
  ExpertActivation activation;
  const float *x = nullptr;
  int64_t x_stride = 0;
  const int32_t *ids =
      nullptr;  ///< [rows, top_k], different in each row; NULL: top_k is 1, all rows go to expert 0
  const float *weights = nullptr;  ///< [rows, top_k]; NULL: all 1
  float *out = nullptr;
  int64_t out_stride = 0;
  bool accumulate = false;
  float *workspace = nullptr;  ///< experts_workspace(call) floats
  const ExpertsObserver *observer =
      nullptr;  ///< gets the inputs of each group of rows; nullable, of the CPU's kernel only
};

/// Rows are grouped by expert; each expert's weights are read once per 256 of its rows, those of experts that no row goes to not at
/// all. A row's sum is in ascending order of experts if its ids are, however many rows there are. Where weights are bf16 the
/// operands of both products are rounded to bf16 (MatmulCall::round_x).
void experts(const ExpertsCall &call, const Parallel &parallel);
int64_t experts_workspace(const ExpertsCall &call);

/// Reference implementation in double precision; needs no workspace.
void experts_reference(const ExpertsCall &call);

}  // namespace kvern::kernels
