#include "runtime/models/layers/mlp.hpp"

#include <algorithm>

namespace kvern::models {
namespace {

// A long prompt runs in chunks: the hidden rows are several times as wide as the residual stream.
constexpr int64_t kChunk = 1024;

}  // namespace

Mlp::Mlp(Residual residual, kernels::Activation activation, bool gated, MlpWeights weights)
    : ResidualSublayer(std::move(residual)),
      activation_(activation),
      gated_(gated),
      weights_(std::move(weights)),
      up_size_(weights_.up.out()) {}

void Mlp::activate(const MatrixView &hidden, Queue &queue) const {
  if (gated_) scale_rows(hidden, up_size_ / 2, weights_.gate_multiplier, queue);
  kernels::ActivationCall call;
  call.activation = activation_;
  call.rows = hidden.rows;
  call.dim = gated_ ? up_size_ / 2 : up_size_;
  call.x = call.out = hidden.data;
  call.x_stride = call.up_stride = call.out_stride = hidden.stride;
  if (gated_) call.up = hidden.data + call.dim;
  queue.activate(call);
}

void Mlp::compute(Activations &x, Step &step, const MatrixView &out, Into into) const {
  run(x, step.queue(), out, into);
}

void Mlp::add_without_step(Activations &x, Queue &queue) const {
  add_with_residual(residual(), x, queue,
                    [&](const MatrixView &out, Into into) { run(x, queue, out, into); });
}

void Mlp::run(Activations &x, Queue &queue, const MatrixView &out, Into into) const {
  const int64_t n = x.normed.rows;
  const MatrixView all = x.scratch.take(std::min(n, kChunk), up_size_);
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t end = std::min(n, begin + kChunk);
    const MatrixView hidden = all.slice(0, end - begin);
    weights_.up(x.normed.slice(begin, end), hidden, Into::replace, queue);
    activate(hidden, queue);
    weights_.down(hidden, out.slice(begin, end), into, queue);
  }
}

}  // namespace kvern::models
