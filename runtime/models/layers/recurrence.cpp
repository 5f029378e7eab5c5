#include "runtime/models/layers/recurrence.hpp"

#include <algorithm>

namespace kvern::models {

TokenRanges::TokenRanges(const Step &step) : n_new_(step.n_new()) {
  const StepRequest &request = step.request();
  for (std::size_t row = 0; row < request.row_pos.size(); ++row) {
    const int64_t end = request.row_new.empty() ? n_new_ : request.row_new[row];
    begin_.push_back(std::clamp<int64_t>(-request.row_pos[row], 0, end));
    end_.push_back(end);
  }
}

kernels::Recurrence TokenRanges::state(Step &step, int layer, int slot) const {
  const Step::State state = step.state(layer, slot);
  kernels::Recurrence recurrence;
  recurrence.rows = step.rows();
  recurrence.n_new = n_new_;
  recurrence.begin = begin_.data();
  recurrence.end = end_.data();
  recurrence.state = static_cast<const float *>(state.read.data);
  recurrence.new_state = static_cast<float *>(state.write.data);
  recurrence.by_token = state.write.ndim > state.read.ndim;
  return recurrence;
}

kernels::CausalConvCall CausalConv::call(const kernels::Recurrence &tokens) const {
  kernels::CausalConvCall call;
  call.tokens = tokens;
  call.channels = channels();
  call.taps = taps();
  call.weight = static_cast<const float *>(weight.data);
  call.bias = static_cast<const float *>(bias.data);
  call.silu = silu;
  return call;
}

}  // namespace kvern::models
