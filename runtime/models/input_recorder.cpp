#include "runtime/models/input_recorder.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace kvern::models {

void InputRecorder::watch(const std::map<std::string, Weight> &tensors) {
  for (const auto &[name, weight] : tensors) {
    const auto *begin = static_cast<const std::byte *>(weight.data);
    watched_[begin] = {begin + weight.size() * kernels::size_of(weight.dtype), name, {}, 0};
  }
}

void InputRecorder::matmul(const kernels::MatmulCall &call) {
  note(call.w, call.x, call.m, call.k, call.x_stride);
  ForwardingQueue::matmul(call);
}

void InputRecorder::experts(const kernels::ExpertsCall &call) {
  const kernels::ExpertsObserver note_group = [this, &call](const kernels::ExpertInputs &in) {
    note(in.expert->gate, in.x, in.rows, call.dim, in.x_stride);
    // another tensor, unless both lie in one
    const auto size = call.width * call.dim;
    if (in.expert->up && in.expert->up != kernels::element_at(in.expert->gate, call.type, size))
      note(in.expert->up, in.x, in.rows, call.dim, in.x_stride);
    note(in.expert->down, in.hidden, in.rows, call.width, in.hidden_stride);
  };
  kernels::ExpertsCall observed = call;
  observed.observer = &note_group;
  ForwardingQueue::experts(observed);
}

void InputRecorder::note(const void *weight, const float *x, int64_t rows, int64_t k, int64_t stride) {
  const auto *at = static_cast<const std::byte *>(weight);
  auto found = watched_.upper_bound(at);
  if (found == watched_.begin() || at >= (--found)->second.end) return;
  Watched &to = found->second;
  to.squares.resize(static_cast<size_t>(k));
  to.rows += rows;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < k; ++i)
      to.squares[static_cast<size_t>(i)] += static_cast<double>(x[r * stride + i]) * x[r * stride + i];
}

Importance InputRecorder::importance() const {
  constexpr double kLeast = 1e-3;  // what a text did not use another may
  Importance all;
  for (const auto &[begin, one] : watched_) {
    if (one.rows == 0) continue;
    const double mean = std::accumulate(one.squares.begin(), one.squares.end(), 0.0) /
                        static_cast<double>(one.squares.size());
    if (mean <= 0.0) continue;
    std::vector<float> &to = all[one.name];
    for (const double sum : one.squares)
      to.push_back(static_cast<float>(std::sqrt(std::max(sum / mean, kLeast))));
  }
  return all;
}

}  // namespace kvern::models
