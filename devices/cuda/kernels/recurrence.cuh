// What kernels of recurrent states share: a thread walks through the tokens of one channel, whose state it alone reads and writes.
#pragma once
#include "devices/cuda/kernels/element.cuh"
#include "kernels/recurrence.hpp"

namespace kvern::device {

using kernels::Recurrence;

__device__ inline bool computes(const Recurrence &r, int64_t row, int64_t t) {
  return t >= r.begin[row] && t < r.end[row];
}

/// A channel's elements in a state of `size` elements: element s is the one at first + s * step.
struct ChannelState {
  int64_t size, first, step, elements;
};

/// out[token * out_stride] = output(token, before, after) for the tokens that are computed, 0 for the others. output reads
/// before[s * step] and then writes after[s * step] for every s; both may be the same memory.
template <class Output>
__device__ inline void run_channel(const Recurrence &r, int64_t row, const ChannelState &state, float *out,
                                   int64_t out_stride, Output &&output) {
  const float *before = r.state + row * state.size + state.first;
  float *after = r.new_state + row * state.size + state.first;
  bool stored = false;
  const auto keep = [&] {
    for (int64_t s = 0; s < state.elements; ++s) after[s * state.step] = before[s * state.step];
  };
  for (int64_t t = 0; t < r.n_new; ++t) {
    const int64_t token = row * r.n_new + t;
    if (r.by_token) after = r.new_state + token * state.size + state.first;
    const bool computed = computes(r, row, t);
    out[token * out_stride] = computed ? output(token, before, after) : 0.0f;
    if (r.by_token && !computed) keep();
    stored = stored || computed || r.by_token;
    if (stored) before = after;
  }
  if (!stored && !r.by_token) keep();
}

constexpr int kChannelThreads = 64;
inline dim3 grid_of_channels(int64_t channels) {
  return {static_cast<unsigned>((channels + kChannelThreads - 1) / kChannelThreads), 1, 1};
}
__device__ inline int64_t channel_number() { return int64_t{blockIdx.x} * kChannelThreads + threadIdx.x; }

}  // namespace kvern::device
