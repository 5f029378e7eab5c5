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

void ResidualSublayer::read_input(Activations &x, Queue &queue) const {
  if (residual_.input == SublayerInput::shared_norm) return;
  if (residual_.input == SublayerInput::norm) return residual_.norm(x.residual, x.normed, queue);
  if (residual_.input == SublayerInput::block_norm) return residual_.norm(x.block, x.normed, queue);
  copy(x.residual, x.normed, queue);  // a product may round its input in place
}

void ResidualSublayer::add_to(Activations &x, Step &step) const {
  Queue &queue = step.queue();
  x.scratch.free_all();
  read_input(x, queue);
  if (!residual_.post_norm && residual_.multiplier == 1.0f) return compute(x, step, x.residual, Into::add);
  const int64_t dim = x.residual.stride;
  const MatrixView out = x.scratch.take(x.residual.rows, dim);
  compute(x, step, out, Into::replace);
  if (residual_.post_norm) residual_.post_norm(out, out, queue);
  queue.add_scaled({out.rows, dim, x.residual.data, dim, out.data, out.stride, residual_.multiplier});
}

}  // namespace kvern::models
