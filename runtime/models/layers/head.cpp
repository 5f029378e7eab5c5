#include "runtime/models/layers/head.hpp"

#include <cmath>

#include "devices/cpu/threads.hpp"

namespace kvern::models {
namespace {

// Logits are in host memory: sampling reads them there.
void adjust(float *logits, int64_t n, float scale, float softcap) {
  if (scale == 1.0f && softcap == 0.0f) return;
  kernels::parallel_for(parallel(), n, 4096, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float logit = logits[i] * scale;
      logits[i] = softcap == 0.0f ? logit : softcap * std::tanh(logit / softcap);
    }
  });
}

}  // namespace

void Head::normalize(const MatrixView &hidden, const MatrixView &out, Queue &queue) const {
  if (norm) return norm(hidden, out, queue);
  kernels::ConvertCall copy;
  copy.rows = hidden.rows;
  copy.dim = matrix.in();
  copy.from = hidden.data;
  copy.from_stride = hidden.stride;
  copy.to = out.data;
  copy.to_stride = out.stride;
  queue.convert(copy);
}

void Head::operator()(const MatrixView &hidden, float *logits, Queue &queue) const {
  const int64_t n = hidden.rows * vocab_size();
  if (queue.place().device_type == kDLCPU) {
    project(matrix, hidden, {logits, hidden.rows, vocab_size()}, Into::replace, queue);
  } else {
    const DeviceMemory memory = queue.take(static_cast<std::size_t>(n) * sizeof(float));
    project(matrix, hidden, {memory.floats(), hidden.rows, vocab_size()}, Into::replace, queue);
    queue.download(memory.data(), logits, static_cast<std::size_t>(n) * sizeof(float));
  }
  adjust(logits, n, scale, softcap);
}

}  // namespace kvern::models
