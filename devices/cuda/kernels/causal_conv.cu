// Depthwise causal convolution: outputs and states are computed from the inputs and the old state alone.
#include "devices/cuda/kernels.hpp"
#include "devices/cuda/kernels/recurrence.cuh"

namespace kvern::device {
namespace {

/// The input of token t of a row, or what its state remembers of it.
__device__ float conv_input(const kernels::CausalConvCall &c, int64_t row, int64_t t, int64_t channel) {
  const Recurrence &r = c.tokens;
  const int64_t begin = r.begin[row];
  if (t < begin) return r.state[(row * (c.taps - 1) + t - begin + c.taps - 1) * c.channels + channel];
  const int64_t token = row * r.n_new + t;
  const float x = c.x[token * c.x_stride + channel];
  return c.x_gate ? x * c.x_gate[token * c.x_gate_stride + channel] : x;
}

__global__ void __launch_bounds__(kRowThreads) conv_outputs(const kernels::CausalConvCall c) {
  const GridRows at = grid_rows();
  for (int64_t token = at.row; token < c.tokens.rows * c.tokens.n_new; token += at.row_step) {
    const int64_t row = token / c.tokens.n_new, t = token % c.tokens.n_new;
    for (int64_t i = at.first; i < c.channels; i += at.step) {
      float sum = 0.0f;
      if (computes(c.tokens, row, t)) {
        sum = c.bias ? c.bias[i] : 0.0f;
        for (int64_t k = 0; k < c.taps; ++k)
          sum += conv_input(c, row, t - c.taps + 1 + k, i) * c.weight[k * c.channels + i];
        if (c.silu) sum *= sigmoid(sum);
        if (c.out_gate) sum *= c.out_gate[token * c.out_gate_stride + i];
      }
      c.out[token * c.out_stride + i] = sum;
    }
  }
}

__global__ void __launch_bounds__(kRowThreads) conv_states(const kernels::CausalConvCall c) {
  const GridRows at = grid_rows();
  const Recurrence &r = c.tokens;
  const int64_t each = r.by_token ? r.n_new : 1;
  for (int64_t state = at.row; state < r.rows * each; state += at.row_step) {
    const int64_t row = state / each, t = r.by_token ? state % each : r.n_new;
    const int64_t last = t < r.begin[row] ? r.begin[row] - 1 : t < r.end[row] ? t : r.end[row] - 1;
    for (int64_t i = at.first; i < (c.taps - 1) * c.channels; i += at.step)
      r.new_state[state * (c.taps - 1) * c.channels + i] =
          conv_input(c, row, last - c.taps + 2 + i / c.channels, i % c.channels);
  }
}

}  // namespace

void causal_conv(const kernels::CausalConvCall &call, StreamHandle stream) {
  const int64_t rows = call.tokens.rows, tokens = rows * call.tokens.n_new;
  if (tokens > 0 && call.channels > 0)
    launch(&conv_outputs, grid_of_rows(tokens, call.channels), kRowThreads, 0, stream, call);
  const int64_t states = call.tokens.by_token ? tokens : rows, size = (call.taps - 1) * call.channels;
  if (states > 0 && size > 0) launch(&conv_states, grid_of_rows(states, size), kRowThreads, 0, stream, call);
}

}  // namespace kvern::device
