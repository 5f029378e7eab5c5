// Positions to rotation and visibility; the cache's attention or the host's.
#include <algorithm>
#include <array>
#include <kvern/step.hpp>
#include <vector>

#include "kernels/kernel_call.hpp"
#include "kernels/elementwise.hpp"
#include "devices/cpu/threads.hpp"
#include "core/torch/tensor.hpp"
#include "core/torch/working_memory.hpp"

namespace kvern {
namespace {

/// Turns the heads of x [B, H, T, D] by tables for positions [B * T].
void turn(at::Tensor &x, const RopeConfig &rope, const RopeTables &tables) {
  const int64_t rows = x.size(0), tokens = x.size(2);
  for (int64_t r = 0; r < rows; ++r) {
    kernels::RotaryCall call;
    call.tokens = tokens;
    call.heads = x.size(1);
    call.dim = x.size(3);
    call.rotary_dim = rope.rotary_dim;
    call.x = x.data_ptr<float>() + r * x.stride(0);
    call.token_stride = x.stride(2);
    call.head_stride = x.stride(1);
    call.cos = tables.cos.data() + r * tokens * (rope.rotary_dim / 2);
    call.sin = tables.sin.data() + r * tokens * (rope.rotary_dim / 2);
    call.interleaved = rope.interleaved;
    kernels::rotate(call, parallel());
  }
}

/// x [B, H, T, D] float32 in the cache's dtype; x itself where that is float32.
at::Tensor in_dtype(const at::Tensor &x, Dtype dtype) {
  if (dtype == Dtype::f32) return x;
  auto y = at::empty(x.sizes(), x.options().dtype(to_torch(dtype)));
  for (int64_t r = 0; r < x.size(0); ++r)
    for (int64_t h = 0; h < x.size(1); ++h) {
      kernels::ConvertCall call;
      call.rows = x.size(2);
      call.dim = x.size(3);
      call.from = x.data_ptr<float>() + r * x.stride(0) + h * x.stride(1);
      call.from_stride = x.stride(2);
      call.to = static_cast<char *>(y.data_ptr()) + (r * y.stride(0) + h * y.stride(1)) * 2;
      call.to_type = to_kernel(dtype);
      call.to_stride = y.stride(2);
      kernels::convert(call, parallel());
    }
  return y;
}

}  // namespace

struct Step::State {
  Cache &cache;
  int64_t rows, tokens, total_length;
  std::vector<int64_t> positions;  // [rows * tokens], the host's own count
  struct Turned {
    const Rope *rope;
    RopeTables tables;
  };
  std::vector<Turned> turned;  // tables for `positions`, one per rope
  RopeTables own_tables;       // for a layer that counts in its own way
  at::Tensor attended;         // what the last layer got, for the next one once nobody has it any more
  bool open = false;

  State(Cache &c, const ForwardInput &input)
      : cache(c), rows(input.ids.size(0)), tokens(input.ids.size(1)), total_length(input.total_length) {
    positions.reserve(static_cast<size_t>(rows * tokens));
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t t = 0; t < tokens; ++t) positions.push_back(input.row_pos[static_cast<size_t>(r)] + t);
  }

  /// The length that angles depend on: positions for dynamic NTK, columns with padding for longrope, as
  /// transformers.
  int64_t length_for(const Rope &rope) const {
    if (rope.config().type != RopeConfig::Type::dynamic) return total_length;
    return *std::max_element(positions.begin(), positions.end()) + 1;
  }

  void fill(const Rope &rope, const int64_t *pos, RopeTables &tables) const {
    const auto numbers = static_cast<size_t>(rows * tokens * (rope.config().rotary_dim / 2));
    tables.cos.resize(numbers);
    tables.sin.resize(numbers);
    rope.tables(pos, rows * tokens, length_for(rope), true, tables.cos.data(), tables.sin.data());
  }

  const RopeTables &tables_for(const Rope &rope, const int64_t *own_positions) {
    if (own_positions) {
      fill(rope, own_positions, own_tables);
      return own_tables;
    }
    for (const auto &t : turned)
      if (t.rope == &rope) return t.tables;
    turned.push_back({&rope, {}});
    fill(rope, positions.data(), turned.back().tables);
    return turned.back().tables;
  }

  /// [B, T, H, Dv] float32, contents undefined. Of one token it is made anew: where it lies then is better for
  /// the products that follow, by 3 % of a token at 16384 tokens in `dynamic`.
  at::Tensor room_for_attended(int64_t heads, int64_t dim) {
    const std::array<int64_t, 4> shape{rows, tokens, heads, dim};
    if (tokens == 1) return working_memory(shape);
    const bool fits = attended.defined() && attended.sizes() == at::IntArrayRef(shape);
    if (!fits || attended.storage().use_count() > 1) attended = working_memory(shape);
    return attended;
  }

  /// Lets the cache store k and v and hand out all keys, and attends to them.
  void attend_to_handed_out(const kvern_attend &request, const kvern_view &view) {
    DLTensor keys{}, values{};
    cache.update(request.layer, request.k, request.v, &keys, &values);
    const KeySource source{&keys, &values, view.first_pos, view.key_pos, view.row_stride, view.head_stride};
    const int64_t *q_pos = view.q_pos ? view.q_pos : positions.data();
    kernels::attention(kernel_call(request, q_pos, source, 0, rows), parallel());
  }
};

Step::Step(Cache &cache, const ForwardInput &input) : state_(std::make_unique<State>(cache, input)) {
  kvern_step step{};
  step.struct_size = sizeof step;
  step.rows = state_->rows;
  step.n_new = state_->tokens;
  step.row_pos = input.row_pos.data();
  cache.begin(step);
  state_->open = true;
}

Step::~Step() {
  if (!state_->open) return;
  try {
    state_->cache.end(0);
  } catch (const Error &) {
    // The exception that is on its way says more; the cache refuses every further verb by itself.
  }
}

void Step::commit() {
  state_->open = false;
  state_->cache.end(state_->tokens);
}

at::Tensor Step::attend(int layer, at::Tensor q, at::Tensor k, at::Tensor v, const AttentionSpec &spec) {
  auto &s = *state_;
  const kvern_view view = s.cache.view(layer);
  const bool turns = spec.rope && spec.rope->config().rotary_dim > 0;
  const bool raw_k = (view.flags & KVERN_VIEW_RAW_K) != 0, raw_q = (view.flags & KVERN_VIEW_RAW_Q) != 0;
  const RopeTables *tables = turns ? &s.tables_for(*spec.rope, view.q_pos) : nullptr;
  if (turns && !raw_k) turn(k, spec.rope->config(), *tables);
  if (turns && !raw_q) turn(q, spec.rope->config(), *tables);
  k = in_dtype(k, s.cache.dtype());
  v = in_dtype(v, s.cache.dtype());
  const at::Tensor out = s.room_for_attended(q.size(1), v.size(3));

  Borrowed dq(q), dk(k), dv(v), dout(out.permute({0, 2, 1, 3}));
  std::optional<Borrowed> sinks;
  if (spec.sinks.defined()) sinks.emplace(spec.sinks);
  kvern_attend request{};
  request.struct_size = sizeof request;
  request.layer = layer;
  request.window = static_cast<int32_t>(spec.window);
  request.causal = spec.causal;
  request.scale = spec.scale;
  request.softcap = spec.softcap;
  request.q = dq.dl();
  request.k = dk.dl();
  request.v = dv.dl();
  request.sinks = sinks ? sinks->dl() : nullptr;
  request.out = dout.dl();

  if (!s.cache.attend(request)) {
    if (turns && raw_q) turn(q, spec.rope->config(), *tables);
    s.attend_to_handed_out(request, view);
  }
  return out.view({s.rows, s.tokens, -1});
}

}  // namespace kvern
