#include "plugins/quantized/attend.hpp"

#include <kvern/sdk/kernel_call.hpp>

#include "plugins/quantized/one_query.hpp"

namespace kvern::quantized {
namespace {

constexpr std::size_t kKept = 16384;  // numbers of working memory that stay from step to step

/// `pointer` moved by elements; NULL stays NULL.
template <class T>
T *moved(T *pointer, int64_t by) {
  return pointer ? pointer + by : nullptr;
}

}  // namespace

void Attention::run(const kvern_attend &request, const QuantizedLayer &layer, const sdk::Slots &slots,
                    const sdk::Step &step, const kernels::Parallel &parallel) {
  const int64_t n = request.q->shape[2];
  if (n == 0) return;
  to_kernel(request.q->dtype);  // says what there is
  kvern_view view{};
  slots.view(view);
  if (step.tentative() && n > 1) return run_one_by_one(request, view, layer, step, parallel);
  ends_.clear();
  for (int64_t row = 0; row < layer.packed().rows(); ++row) ends_.push_back(layer.packed().row(row).end);
  run_queries(request, view, layer, step, 0, parallel);
  if (lse_.size() > kKept) {  // a long prompt's
    lse_ = {};
    q_pos_ = {};
  }
}

void Attention::run_one_by_one(const kvern_attend &request, const kvern_view &view,
                               const QuantizedLayer &layer, const sdk::Step &step,
                               const kernels::Parallel &parallel) {
  const int64_t n = request.q->shape[2], heads = step.rows * request.q->shape[1];
  std::vector<float> of_query(static_cast<std::size_t>(request.lse ? heads : 0));
  for (int64_t i = 0; i < n; ++i) {
    OneQuery q(*request.q, i), out(*request.out, i);
    OneBias bias(request.bias, i);
    kvern_attend one = request;
    kvern_view seen = view;
    seen.kv_len -= n - 1 - i;
    one.q = &q.tensor;
    one.out = &out.tensor;
    if (request.bias) one.bias = &bias.tensor;
    DLTensor lse = request.lse ? *request.lse : DLTensor{};
    lse.data = of_query.data();
    lse.byte_offset = 0;
    if (request.lse) one.lse = &lse;
    ends_.clear();
    for (int64_t row = 0; row < step.rows; ++row) ends_.push_back(layer.end_at(row, seen.kv_len - 1));
    run_queries(one, seen, layer, step, i, parallel);
    if (!request.lse) continue;
    auto *all = reinterpret_cast<float *>(static_cast<char *>(request.lse->data) + request.lse->byte_offset);
    for (int64_t head = 0; head < heads; ++head) all[head * n + i] = of_query[static_cast<std::size_t>(head)];
  }
}

void Attention::run_queries(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                            const sdk::Step &step, int64_t first_query, const kernels::Parallel &parallel) {
  const int64_t n = request.q->shape[2];
  q_pos_.clear();
  for (int64_t row = 0; row < step.rows; ++row)
    for (int64_t i = 0; i < n; ++i) q_pos_.push_back(step.row_pos[row] + first_query + i);
  collect_blocks(layer.packed());
  float *lse = sdk::query_call(request, q_pos_.data(), 0, step.rows).lse;
  if (!runs_.empty() && !lse) {
    lse_.resize(static_cast<std::size_t>(step.rows * request.q->shape[1] * n));
    lse = lse_.data();
  }
  if (!runs_.empty()) attend_packed(request, view, layer, lse, parallel);
  attend_dense(request, view, layer, lse, parallel);
}

void Attention::collect_blocks(const PackedRows &packed) {
  const int64_t tokens = packed.format().tokens;
  runs_.clear();
  rows_.clear();
  counts_.clear();
  for (int64_t row = 0; row < packed.rows(); ++row) {
    counts_.push_back(0);
    for (const BlockSpan &span : packed.row(row).spans) {
      const int64_t seen = std::min(span.tokens, ends_[static_cast<std::size_t>(row)] - span.column);
      if (seen <= 0) break;
      const std::byte *data = span.slab->read(span.block, span.block + (seen + tokens - 1) / tokens);
      runs_.push_back(
          {data + span.block * packed.format().bytes, span.slab->head_stride(), span.column, seen});
      ++counts_.back();
    }
  }
  const quant::BlockRun *next = runs_.data();
  for (const int64_t count : counts_) {
    rows_.push_back({next, count});
    next += count;
  }
}

void Attention::attend_packed(const kvern_attend &request, const kvern_view &view,
                              const QuantizedLayer &layer, float *lse, const kernels::Parallel &parallel) {
  const PackedRows &packed = layer.packed();
  // Queries are not rounded to bf16: keys and values of 8 bits have not lost as much.
  kernels::AttentionCall call = sdk::query_call(request, q_pos_.data(), 0, packed.rows());
  call.kv_heads = layer.shape().kv_heads;
  call.kv_len = view.kv_len;
  call.first_pos = view.first_pos;
  call.key_pos = view.key_pos;
  call.key_pos_row_stride = view.row_stride;
  call.lse = lse;
  call.sinks = nullptr;  // sinks count once
  quant::attention({call, &packed.format(), rows_.data(), arithmetic_}, parallel);
}

/// Rows whose dense parts begin in the same column together.
void Attention::attend_dense(const kvern_attend &request, const kvern_view &view, const QuantizedLayer &layer,
                             float *lse, const kernels::Parallel &parallel) {
  DLTensor k, v;
  sdk::OutTensor k_desc, v_desc;
  layer.read_dense(view.kv_len, k_desc, &k, v_desc, &v);
  const int64_t rows = request.q->shape[0];
  const auto end_of = [&](int64_t row) { return ends_[static_cast<std::size_t>(row)]; };
  for (int64_t begin = 0, end = 0; begin < rows; begin = end) {
    const int64_t column = end_of(begin), slot = column - layer.base();
    for (end = begin + 1; end < rows && end_of(end) == column;) ++end;
    first_pos_.clear();
    for (int64_t row = begin; row < end && view.first_pos; ++row)
      first_pos_.push_back(view.first_pos[row] + column);
    const sdk::KeySource keys = {&k,
                                 &v,
                                 view.first_pos ? first_pos_.data() : nullptr,
                                 moved(view.key_pos, begin * view.row_stride + column),
                                 view.row_stride,
                                 0};
    kernels::AttentionCall part = sdk::kernel_call(request, q_pos_.data(), keys, begin, end - begin);
    const int64_t size = kernels::size_of(part.kv_type);
    part.k =
        static_cast<const char *>(part.k) + (begin * part.k_stride.row + slot * part.k_stride.pos) * size;
    part.v =
        static_cast<const char *>(part.v) + (begin * part.v_stride.row + slot * part.v_stride.pos) * size;
    part.kv_len = view.kv_len - column;
    part.bias = moved(part.bias, column * part.bias_stride[3]);
    part.lse = moved(lse, begin * part.q_heads * part.n_new);
    part.merge = !runs_.empty();
    kernels::attention(part, parallel);
  }
}

}  // namespace kvern::quantized
