// Online softmax over blocks of keys: logits, rescale, weighted values. TileProducts computes q k^T and p v.
#include "kernels/attention_tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/quant/hadamard.hpp"
#include "kernels/round_up.hpp"
#include "kernels/scratch.hpp"
#include "kernels/visibility.hpp"

namespace kvern::kernels {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
constexpr int64_t kDotQueries = 16;  // up to this many queries of a key head packing panels does not pay
constexpr int64_t kPanelKeys = 128;  // keys packed together
// Keys of a block without packing, for one or two queries and for more: long blocks give long streams.
constexpr int64_t kDotKeys = 1024, kDotKeysOfMany = 512;
constexpr int64_t kDotLongKeys = 256;  // a block's keys and the values that are prefetched stay in L2
constexpr int64_t kLongRow = 512;      // bytes
constexpr int64_t kWidest = 16;        // of AVX-512, where this was measured
constexpr int64_t kPanelQueries = 96;  // queries of a tile that share packed keys and values

class TileWork {
 public:
  TileWork(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
           const AttentionTile &tile, const TileAccumulator &sums, TileProducts &products);
  void run();

 private:
  void load_queries();
  void adjust_logits(const KeyRange &keys, Visible visible);
  void add_bias(int64_t query, const KeyRange &keys, float *row) const;
  void weights(int64_t n);
  int64_t token(int64_t query) const { return (tile_.first_query + query) / shape_.group; }
  int64_t head(int64_t query) const {
    return tile_.kv_head * shape_.group + (tile_.first_query + query) % shape_.group;
  }

  const AttentionCall &call_;
  const AttentionShape &shape_;
  const KernelTable &ops_;
  const AttentionTile &tile_;
  TileAccumulator sums_;
  TileProducts &products_;
  KeyPositions positions_;
  float *q_, *s_, *row_;
  int64_t *q_pos_;
  float logit_factor_;  ///< scale left to the softmax: in bf16 q is not scaled
  int64_t q_min_ = std::numeric_limits<int64_t>::max(), q_max_ = std::numeric_limits<int64_t>::min();
};

TileWork::TileWork(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                   const AttentionTile &tile, const TileAccumulator &sums, TileProducts &products)
    : call_(call),
      shape_(shape),
      ops_(ops),
      tile_(tile),
      sums_(sums),
      products_(products),
      positions_(call, tile.row, tile.kv_head) {
  const bool adjusted = call.softcap != 0.0f || call.bias || !(call.scale > 0.0f);
  logit_factor_ = shape.in_bf16 && !adjusted ? call.scale : 1.0f;
  int64_t sizes[] = {shape.tile_queries * shape.dim_k_padded, shape.tile_queries * shape.key_block,
                     shape.dim_k_padded};
  int64_t total = ScratchArena::floats<int64_t>(shape.tile_queries);
  for (int64_t size : sizes) total += ScratchArena::floats<float>(size);
  ScratchArena arena(thread_scratch(ScratchUser::worker, total));
  q_pos_ = arena.take<int64_t>(shape.tile_queries);
  q_ = arena.take<float>(sizes[0]);
  s_ = arena.take<float>(sizes[1]);
  row_ = arena.take<float>(sizes[2]);
}

void TileWork::load_queries() {
  for (int64_t i = 0; i < tile_.queries; ++i) {
    int64_t at =
        tile_.row * call_.q_stride.row + head(i) * call_.q_stride.head + token(i) * call_.q_stride.pos;
    const void *from = element_at(call_.q, call_.q_type, at);
    float *to = q_ + i * shape_.dim_k_padded;
    std::fill(to, to + shape_.dim_k_padded, 0.0f);
    ops_.convert_row(from, call_.q_type, row_, Dtype::f32, call_.dim_k);
    if (shape_.rotate_q) quant::rotate(row_, call_.dim_k);
    if (shape_.in_bf16) {
      ops_.round_pairs(row_, to, call_.dim_k);
    } else {
      ops_.scale(row_, call_.dim_k, call_.scale);
      ops_.order_pairs(shape_.order, row_, to, call_.dim_k);
    }
    q_pos_[i] = call_.q_pos ? call_.q_pos[tile_.row * call_.n_new + token(i)] : 0;
    q_min_ = std::min(q_min_, q_pos_[i]);
    q_max_ = std::max(q_max_, q_pos_[i]);
    sums_.state[i] = {kNone, 0.0f, 1.0f};
    std::fill(sums_.out + i * sums_.out_stride, sums_.out + i * sums_.out_stride + shape_.dim_v_padded, 0.0f);
  }
}

void TileWork::add_bias(int64_t query, const KeyRange &keys, float *row) const {
  const int64_t *stride = call_.bias_stride;
  const float *bias = call_.bias + tile_.row * stride[0] + head(query) * stride[1] + token(query) * stride[2];
  for (int64_t j = 0; j < keys.n; ++j) row[j] += bias[(keys.begin + j) * stride[3]];
}

void TileWork::adjust_logits(const KeyRange &keys, Visible visible) {
  const int64_t n = keys.n;
  for (int64_t i = 0; i < tile_.queries; ++i) {
    float *row = s_ + i * shape_.key_block;
    std::fill(row + n, row + round_up(n, ops_.width), 0.0f);
    if (logit_factor_ == 1.0f && shape_.in_bf16) ops_.scale(row, n, call_.scale);
    if (call_.softcap != 0.0f) ops_.softcap(row, round_up(n, ops_.width), call_.softcap);
    if (call_.bias) add_bias(i, keys, row);
    if (visible == Visible::some) positions_.mask(q_pos_[i], keys.begin, keys.begin + n, row);
    std::fill(row + n, row + round_up(n, ops_.width), kNone);
  }
}

void TileWork::weights(int64_t n) {
  for (int64_t i = 0; i < tile_.queries; ++i) {
    OnlineSoftmaxState &state = sums_.state[i];
    ops_.softmax(s_ + i * shape_.key_block, round_up(n, ops_.width), logit_factor_, &state);
    if (state.factor != 1.0f) ops_.scale(sums_.out + i * sums_.out_stride, shape_.dim_v_padded, state.factor);
  }
}

void TileWork::run() {
  load_queries();
  int64_t begin = 0, end = call_.kv_len;
  positions_.narrow(q_min_, q_max_, begin, end);
  const FloatRows q = {q_, shape_.dim_k_padded, tile_.queries}, s = {s_, shape_.key_block, tile_.queries};
  products_.start(q, begin, end);
  for (KeyRange keys; products_.next(&keys);) {
    Visible visible = positions_.classify(q_min_, q_max_, keys.begin, keys.begin + keys.n);
    if (visible == Visible::none) continue;
    products_.logits(q, s.data, s.stride);
    adjust_logits(keys, visible);
    weights(keys.n);
    products_.values(s, sums_);
  }
}

}  // namespace

AttentionShape::AttentionShape(const AttentionCall &call, const KernelTable &ops) {
  group = call.q_heads / call.kv_heads;
  by_panels = group * call.n_new > kDotQueries;
  bool q_in_bf16 = call.q_type == Dtype::bf16 || call.round_to_bf16;
  in_bf16 = q_in_bf16 && call.kv_type == Dtype::bf16 &&
            (by_panels ? ops.gemm_panel_bf16 != nullptr : ops.dot_rows_bf16 != nullptr);
  tile_queries = std::min(group * call.n_new, by_panels ? kPanelQueries : kDotQueries);
  dim_k_padded = round_up(call.dim_k, 2 * ops.width);
  dim_v_padded = round_up(call.dim_v, 2 * ops.width);
  const int64_t keys_of_many =
      ops.width == kWidest && call.dim_k * size_of(call.kv_type) >= kLongRow ? kDotLongKeys : kDotKeysOfMany;
  key_block = by_panels ? kPanelKeys : tile_queries <= 2 ? kDotKeys : keys_of_many;
  order = by_panels || in_bf16 ? Dtype::f32 : call.kv_type;
}

void attend_tile(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                 const AttentionTile &tile, const TileAccumulator &sums, TileProducts &products) {
  TileWork(call, shape, ops, tile, sums, products).run();
}

void merge_accumulators(const TileAccumulator &whole, const TileAccumulator &part, int64_t queries,
                        int64_t dim) {
  for (int64_t i = 0; i < queries; ++i) {
    OnlineSoftmaxState &a = whole.state[i];
    const OnlineSoftmaxState &b = part.state[i];
    float top = std::max(a.max, b.max);
    if (top == kNone) continue;
    float keep = std::exp(a.max - top), add = std::exp(b.max - top);
    float *to = whole.out + i * whole.out_stride;
    const float *from = part.out + i * part.out_stride;
    for (int64_t d = 0; d < dim; ++d) to[d] = to[d] * keep + from[d] * add;
    a = {top, a.sum * keep + b.sum * add, 1.0f};
  }
}

namespace {

/// Weights of a log-sum-exp merge for one query: of the accumulator, of the previous output; and the merged
/// lse.
struct MergeWeights {
  float part, old, lse;
};

MergeWeights merge_weights(const OnlineSoftmaxState &state, const float *sink, const float *old_lse) {
  float top = sink ? std::max(state.max, *sink) : state.max;
  if (old_lse) top = std::max(top, *old_lse);
  if (top == kNone) return {0.0f, 0.0f, kNone};
  float part = std::exp(state.max - top), old = old_lse ? std::exp(*old_lse - top) : 0.0f;
  float total = state.sum * part + old + (sink ? std::exp(*sink - top) : 0.0f);
  return {part / total, old / total, top + std::log(total)};
}

}  // namespace

float weight_factor(const AttentionCall &call, const AttentionShape &shape, const AttentionTile &tile,
                    const TileAccumulator &sums, int64_t i) {
  const int64_t head = tile.kv_head * shape.group + (tile.first_query + i) % shape.group;
  return merge_weights(sums.state[i], call.sinks ? call.sinks + head : nullptr, nullptr).part;
}

void finish_tile(const AttentionCall &call, const AttentionShape &shape, const KernelTable &ops,
                 const AttentionTile &tile, const TileAccumulator &sums) {
  float *row = thread_scratch(ScratchUser::worker, 2 * shape.dim_v_padded), *old = row + shape.dim_v_padded;
  for (int64_t i = 0; i < tile.queries; ++i) {
    int64_t token = (tile.first_query + i) / shape.group;
    int64_t head = tile.kv_head * shape.group + (tile.first_query + i) % shape.group;
    float *lse = call.lse ? call.lse + (tile.row * call.q_heads + head) * call.n_new + token : nullptr;
    MergeWeights weight =
        merge_weights(sums.state[i], call.sinks ? call.sinks + head : nullptr, call.merge ? lse : nullptr);
    ops.restore_pairs(shape.order, sums.out + i * sums.out_stride, row, call.dim_v);
    ops.scale(row, call.dim_v, weight.part);
    if (shape.rotate_out) quant::rotate(row, call.dim_v);
    int64_t at = tile.row * call.out_stride.row + head * call.out_stride.head + token * call.out_stride.pos;
    void *out = element_at(call.out, call.out_type, at);
    if (call.merge && weight.old > 0.0f) {
      ops.convert_row(out, call.out_type, old, Dtype::f32, call.dim_v);
      ops.add_scaled_row(row, old, weight.old, call.dim_v);
    }
    ops.convert_row(row, Dtype::f32, out, call.out_type, call.dim_v);
    if (lse) *lse = weight.lse;
  }
}

}  // namespace kvern::kernels
