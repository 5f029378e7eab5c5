#include "plugins/quantized/attend.hpp"

#include <kvern/sdk/kernel_call.hpp>

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
  q_pos_.clear();
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t i = 0; i < n; ++i) q_pos_.push_back(step.row_pos[row] + i);
  }
  kvern_view view{};
  slots.view(view);
  const bool packed = !layer.packed().empty();
  float *lse = sdk::query_call(request, q_pos_.data(), 0, step.rows).lse;
  if (packed && !lse) {
    lse_.resize(static_cast<std::size_t>(step.rows * request.q->shape[1] * n));
    lse = lse_.data();
  }
  if (packed) attend_packed(request, view, layer, lse, parallel);
  attend_dense(request, view, layer, lse, parallel);
  if (lse_.size() > kKept) {  // a long prompt's
    lse_ = {};
    q_pos_ = {};
  }
}

void Attention::attend_packed(const kvern_attend &request, const kvern_view &view,
                              const QuantizedLayer &layer, float *lse, const kernels::Parallel &parallel) {
  const PackedRows &packed = layer.packed();
  const int64_t tokens = packed.format().tokens;
  runs_.clear();
  rows_.clear();
  for (int64_t row = 0; row < packed.rows(); ++row) {
    for (const BlockSpan &span : packed.row(row).spans) {
      const std::byte *data = span.slab->read(span.block, span.block + span.blocks(tokens));
      runs_.push_back(
          {data + span.block * packed.format().bytes, span.slab->head_stride(), span.column, span.tokens});
    }
  }
  const quant::BlockRun *next = runs_.data();
  for (int64_t row = 0; row < packed.rows(); ++row) {
    const auto count = static_cast<int64_t>(packed.row(row).spans.size());
    rows_.push_back({next, count});
    next += count;
  }
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
  const PackedRows &packed = layer.packed();
  const int64_t rows = request.q->shape[0];
  for (int64_t begin = 0, end = 0; begin < rows; begin = end) {
    const int64_t column = packed.row(begin).end, slot = column - layer.base();
    for (end = begin + 1; end < rows && packed.row(end).end == column;) ++end;
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
    part.merge = !packed.empty();
    kernels::attention(part, parallel);
  }
}

}  // namespace kvern::quantized
