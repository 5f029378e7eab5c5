#include "runtime/models/layers/sublayer.hpp"

namespace kvern::models {

MatrixView Scratch::take(int64_t rows, int64_t dim) {
  if (next_ == memory_.size()) memory_.emplace_back();
  DeviceMemory &memory = memory_[next_++];
  const std::size_t bytes = static_cast<std::size_t>(rows * dim) * sizeof(float);
  if (memory.bytes() < bytes) {
    memory = DeviceMemory();  // before the larger one is there
    memory = queue_.take(bytes);
  }
  return {memory.floats(), rows, dim};
}

void scale_rows(const MatrixView &x, int64_t dim, float factor, Queue &queue) {
  if (factor == 1.0f) return;
  queue.add_scaled({x.rows, dim, x.data, x.stride, x.data, x.stride, factor - 1.0f});
}

void copy(const MatrixView &from, const MatrixView &to, Queue &queue) {
  kernels::ConvertCall call;
  call.rows = from.rows;
  call.dim = to.stride;
  call.from = from.data;
  call.from_stride = from.stride;
  call.to = to.data;
  call.to_stride = to.stride;
  queue.convert(call);
}

namespace {

void read_input(const Residual &residual, Activations &x, Queue &queue) {
  if (residual.input == SublayerInput::shared_norm) return;
  if (residual.input == SublayerInput::norm) return residual.norm(x.residual, x.normed, queue);
  if (residual.input == SublayerInput::block_norm) return residual.norm(x.block, x.normed, queue);
  copy(x.residual, x.normed, queue);  // a product may round its input in place
}

void add_output(const Residual &residual, Activations &x, Queue &queue, const Compute &compute) {
  if (!residual.post_norm && residual.multiplier == 1.0f) return compute(x.residual, Into::add);
  const int64_t dim = x.residual.stride;
  const MatrixView out = x.scratch.take(x.residual.rows, dim);
  compute(out, Into::replace);
  if (residual.post_norm) residual.post_norm(out, out, queue);
  queue.add_scaled({out.rows, dim, x.residual.data, dim, out.data, out.stride, residual.multiplier});
}

}  // namespace

void add_with_residual(const Residual &residual, Activations &x, Queue &queue, const Compute &compute) {
  x.scratch.free_all();
  read_input(residual, x, queue);
  add_output(residual, x, queue, compute);
  if (residual.stream_norm) residual.stream_norm(x.residual, x.residual, queue);
}

void ResidualSublayer::add_to(Activations &x, Step &step) const {
  add_with_residual(residual_, x, step.queue(),
                    [&](const MatrixView &out, Into into) { compute(x, step, out, into); });
}

}  // namespace kvern::models
