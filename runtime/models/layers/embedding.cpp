#include "runtime/models/layers/embedding.hpp"

#include <algorithm>
#include <kvern/error.hpp>

namespace kvern::models {

void look_up(const PackedWeight &table, const int64_t *ids, float scale, const MatrixView &out,
             Queue &queue) {
  queue.packed_embed({out.rows, ids, &table.matrix, scale, out.data, out.stride});
}

void look_up(const Weight &table, const int64_t *ids, float scale, const MatrixView &out, Queue &queue) {
  DeviceMemory memory;
  if (queue.place().device_type != kDLCPU) {
    const std::size_t bytes = static_cast<std::size_t>(out.rows) * sizeof *ids;
    memory = queue.take(bytes);
    queue.upload(ids, memory.data(), bytes);
    ids = static_cast<const int64_t *>(memory.data());
  }
  kernels::EmbeddingCall call;
  call.n = out.rows;
  call.dim = call.table_stride = table.shape[1];
  call.ids = ids;
  call.table = table.data;
  call.type = table.dtype;
  call.scale = scale;
  call.out = out.data;
  call.out_stride = out.stride;
  queue.embed(call);
}

void Embedding::check(const int64_t *ids, const Step &step) const {
  for (int64_t i = 0; i < step.rows() * step.n_new(); ++i) {
    if (ids[i] >= 0 && ids[i] < vocab_size()) continue;
    throw Error(ErrorKind::input, "the id " + std::to_string(ids[i]) +
                                      " is outside of the vocabulary, which has " +
                                      std::to_string(vocab_size()) + " entries");
  }
  if (!positions) return;
  for (const int64_t position : step.positions()) {
    if (position < positions.shape[0]) continue;
    const int64_t last = *std::max_element(step.positions().begin(), step.positions().end());
    throw Error(ErrorKind::input, std::to_string(last + 1) + " positions are more than the " +
                                      std::to_string(positions.shape[0]) + " that this model has learned");
  }
}

void Embedding::operator()(const int64_t *ids, Activations &x, Step &step) const {
  embed(ids, step.positions(), x, step.queue());
}

void Embedding::embed(const int64_t *ids, std::vector<int64_t> at, Activations &x, Queue &queue) const {
  if (packed)
    look_up(packed, ids, scale, x.residual, queue);
  else
    look_up(tokens, ids, scale, x.residual, queue);
  if (positions) {
    // the embedding of padding does not matter: its keys are masked
    for (int64_t &position : at) position = std::max<int64_t>(position, 0);
    look_up(positions, at.data(), 1.0f, x.normed, queue);
    queue.add_scaled({x.residual.rows, hidden_size(), x.residual.data, x.residual.stride, x.normed.data,
                      x.normed.stride, 1.0f});
  }
  if (norm) norm(x.residual, x.residual, queue);
}

}  // namespace kvern::models
