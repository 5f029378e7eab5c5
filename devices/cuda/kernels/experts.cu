// The experts of a mixture: a warp per element of the hidden layer, then one per element of the output. Each token reads the weights
// of its experts anew: what a decode step does anyway.
#include <stdexcept>

#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/element.cuh"

namespace kvern::device {
namespace {

using kernels::Expert;
using kernels::ExpertsCall;
using kernels::WeightLayout;

constexpr int kThreads = 128, kWarps = kThreads / 32;

struct ExpertsKernel {
  ExpertsCall c;
  float *hidden;  ///< [rows, top_k, width]
};

__device__ const Expert &expert_of(const ExpertsCall &c, int64_t choice) {
  return c.expert[c.ids ? c.ids[choice] : 0];
}

/// Row `out` of W [outs, ins] (or its transpose, by the layout) times x, in every lane.
__device__ float product_of_row(const ExpertsCall &c, const void *w, int64_t out, int64_t outs, int64_t ins,
                                const float *x) {
  const bool rows = c.layout == WeightLayout::n_k;
  float sum = 0.0f;
  for (int64_t i = threadIdx.x % 32; i < ins; i += 32) {
    const float in = c.type == Dtype::bf16 ? rounded_to_bf16(x[i]) : x[i];
    sum += in * load(w, c.type, rows ? out * ins + i : i * outs + out);
  }
  for (int step = 16; step > 0; step /= 2) sum += shuffle_xor(sum, step);
  return sum;
}

/// Output `out` of gate and up together: [0, width) is the gate, the rest up.
__device__ float gate_or_up(const ExpertsCall &c, const Expert &e, int64_t out, const float *x) {
  const float bias = e.gate_bias ? load(e.gate_bias, c.type, out) : 0.0f;
  if (c.layout == WeightLayout::k_n) return bias + product_of_row(c, e.gate, out, 2 * c.width, c.dim, x);
  const bool gate = out < c.width;
  return bias + product_of_row(c, gate ? e.gate : e.up, gate ? out : out - c.width, c.width, c.dim, x);
}

__device__ float activated_pair(const kernels::ExpertActivation &a, float gate, float up) {
  if (a.clamp <= 0.0f) return up * activated(a.activation, gate);
  gate = clamped(gate, -INFINITY, a.clamp);
  up = clamped(up, -a.clamp, a.clamp);
  return (up + 1.0f) * gate * sigmoid(a.alpha * gate);
}

__global__ void __launch_bounds__(kThreads) expert_hidden(const ExpertsKernel call) {
  const ExpertsCall &c = call.c;
  const int64_t i = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  for (int64_t choice = blockIdx.y; i < c.width && choice < c.rows * c.top_k; choice += gridDim.y) {
    const float *x = c.x + choice / c.top_k * c.x_stride;
    const Expert &e = expert_of(c, choice);
    const bool pairs = c.activation.interleaved;
    const float gate = gate_or_up(c, e, pairs ? 2 * i : i, x),
                up = gate_or_up(c, e, pairs ? 2 * i + 1 : i + c.width, x);
    if (threadIdx.x % 32 == 0) call.hidden[choice * c.width + i] = activated_pair(c.activation, gate, up);
  }
}

__global__ void __launch_bounds__(kThreads) expert_down(const ExpertsKernel call) {
  const ExpertsCall &c = call.c;
  const int64_t d = int64_t{blockIdx.x} * kWarps + threadIdx.x / 32;
  for (int64_t row = blockIdx.y; d < c.dim && row < c.rows; row += gridDim.y) {
    float &out = c.out[row * c.out_stride + d];
    float sum = 0.0f;
    for (int64_t choice = row * c.top_k; choice < (row + 1) * c.top_k; ++choice) {
      const Expert &e = expert_of(c, choice);
      float y = product_of_row(c, e.down, d, c.dim, c.width, call.hidden + choice * c.width);
      if (e.down_bias) y += load(e.down_bias, c.type, d);
      sum += (c.weights ? c.weights[choice] : 1.0f) * y;
    }
    if (threadIdx.x % 32 == 0) out = c.accumulate ? out + sum : sum;
  }
}

dim3 grid_of_warps(int64_t columns, int64_t rows) {
  return {static_cast<unsigned>((columns + kWarps - 1) / kWarps),
          static_cast<unsigned>(rows < 65535 ? rows : 65535), 1};
}

}  // namespace

int64_t expert_elements(const ExpertsCall &call) { return call.rows * call.top_k * call.width; }

void experts(const ExpertsCall &call, float *workspace, StreamHandle stream) {
  if (call.rows == 0) return;
  const ExpertsKernel kernel{call, workspace};
  launch(&expert_hidden, grid_of_warps(call.width, call.rows * call.top_k), kThreads, 0, stream, kernel);
  launch(&expert_down, grid_of_warps(call.dim, call.rows), kThreads, 0, stream, kernel);
}

}  // namespace kvern::device
