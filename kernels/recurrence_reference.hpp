// What reference implementations of recurrent states have in common: one channel of a row after the other, in double precision.
#pragma once
#include <vector>

#include "kernels/recurrence.hpp"

namespace kvern::kernels {

/// A channel's elements in a state of `size` elements: element s is the one at first + s * step.
struct StateChannel {
  int64_t size = 0, first = 0, step = 0, elements = 0;
};

/// out[token * out_stride] = output(token, h) for the tokens that are computed, 0 for the others; h is the channel's state, which
/// output changes.
template <class Output>
void run_channel_reference(const Recurrence &r, int64_t row, const StateChannel &channel, float *out,
                           int64_t out_stride, Output &&output) {
  std::vector<double> h;
  for (int64_t s = 0; s < channel.elements; ++s)
    h.push_back(r.state[row * channel.size + channel.first + s * channel.step]);
  const auto store = [&](int64_t state) {
    for (int64_t s = 0; s < channel.elements; ++s)
      r.new_state[state * channel.size + channel.first + s * channel.step] = static_cast<float>(h[s]);
  };
  for (int64_t t = 0; t < r.n_new; ++t) {
    const int64_t token = r.token(row, t);
    out[token * out_stride] = r.computes(row, t) ? static_cast<float>(output(token, h)) : 0.0f;
    if (r.by_token) store(token);
  }
  if (!r.by_token) store(row);
}

}  // namespace kvern::kernels
