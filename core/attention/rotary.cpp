#include "core/attention/rotary.hpp"

namespace kvern {

void Rotary::fill(const Rope &rope, const int64_t *positions, Tables &tables) {
  const auto n = static_cast<int64_t>(positions_.size());
  const auto elements = static_cast<size_t>(n * (rope.config().rotary_dim / 2));
  cos_.resize(elements);
  sin_.resize(elements);
  const bool by_position = rope.config().type == RopeConfig::Type::dynamic;
  rope.tables(positions, n, by_position ? length_.positions : length_.columns, true, cos_.data(),
              sin_.data());
  const size_t bytes = elements * sizeof(float);
  if (tables.cos.bytes() < bytes) {
    tables.cos = queue_.take(bytes);
    tables.sin = queue_.take(bytes);
  }
  queue_.upload(cos_.data(), tables.cos.data(), bytes);
  queue_.upload(sin_.data(), tables.sin.data(), bytes);
  tables.rope = &rope;
}

const Rotary::Tables &Rotary::tables(const Rope &rope, const int64_t *own_positions) {
  if (own_positions) {
    fill(rope, own_positions, own_);
    return own_;
  }
  for (const Tables &tables : tables_)
    if (tables.rope == &rope) return tables;
  fill(rope, positions_.data(), tables_.emplace_back());
  return tables_.back();
}

void Rotary::apply(const Tables &tables, const HeadsView &x) {
  const RopeConfig &config = tables.rope->config();
  if (config.rotary_dim == 0 || x.tokens == 0) return;
  for (int64_t r = 0; r < x.rows; ++r) {
    const int64_t first = ((r + 1) * n_new_ - x.tokens) * (config.rotary_dim / 2);
    kernels::RotaryCall call;
    call.tokens = x.tokens;
    call.heads = x.heads;
    call.dim = x.dim;
    call.rotary_dim = config.rotary_dim;
    call.x = x.data + r * x.row_stride;
    call.token_stride = x.token_stride;
    call.head_stride = x.head_stride;
    call.cos = tables.cos.floats() + first;
    call.sin = tables.sin.floats() + first;
    call.interleaved = config.interleaved;
    queue_.rotate(call);
  }
}

}  // namespace kvern
