#include "plugins/quantized/attend.hpp"

namespace kvern::quantized {
namespace {

constexpr std::size_t kKept = 16384;  // numbers of working memory that stay from step to step

kernels::AttentionStrides strides_of(const DLTensor &tensor) {
  return {sdk::stride_of(tensor, 0), sdk::stride_of(tensor, 1), sdk::stride_of(tensor, 2)};
}

void take_bias(const DLTensor &bias, kernels::AttentionCall &call) {
  call.bias = reinterpret_cast<const float *>(sdk::data_of(bias));
  for (int i = 0; i < 4; ++i) call.bias_stride[i] = bias.shape[i] == 1 ? 0 : sdk::stride_of(bias, i);
}

/// All of the request but keys, positions and sinks.
kernels::AttentionCall call_of(const kvern_attend &request, const sdk::Layer &layer) {
  kernels::AttentionCall call;
  const DLTensor &q = *request.q, &out = *request.out;
  call.rows = q.shape[0];
  call.q_heads = q.shape[1];
  call.kv_heads = layer.kv_heads;
  call.n_new = q.shape[2];
  call.dim_k = layer.head_dim_k;
  call.dim_v = layer.head_dim_v;
  call.q_type = to_kernel(q.dtype);
  call.out_type = to_kernel(out.dtype);
  call.q = sdk::data_of(q);
  call.out = sdk::data_of(out);
  call.q_stride = strides_of(q);
  call.out_stride = strides_of(out);
  call.scale = request.scale;
  call.softcap = request.softcap;
  call.causal = request.causal != 0;
  call.window = request.window;
  if (request.bias) take_bias(*request.bias, call);
  if (request.lse) call.lse = reinterpret_cast<float *>(sdk::data_of(*request.lse));
  return call;
}

/// `pointer` moved by elements; NULL stays NULL.
template <class T>
T *moved(T *pointer, int64_t by) {
  return pointer ? pointer + by : nullptr;
}

/// Rows begin .. begin + n - 1 of a call; keys are not touched.
kernels::AttentionCall rows_of(kernels::AttentionCall call, int64_t begin, int64_t n) {
  call.rows = n;
  call.q = static_cast<const std::byte *>(call.q) + begin * call.q_stride.row * kernels::size_of(call.q_type);
  call.out =
      static_cast<std::byte *>(call.out) + begin * call.out_stride.row * kernels::size_of(call.out_type);
  call.lse = moved(call.lse, begin * call.q_heads * call.n_new);
  call.q_pos += begin * call.n_new;
  call.first_pos = moved(call.first_pos, begin);
  call.key_pos = moved(call.key_pos, begin * call.key_pos_row_stride);
  call.bias = moved(call.bias, begin * call.bias_stride[0]);
  return call;
}

}  // namespace

void Attention::run(const kvern_attend &request, const QuantizedLayer &layer, const sdk::Slots &slots,
                    const sdk::Step &step, const kernels::Parallel &parallel) {
  if (step.n_new == 0) return;
  kernels::AttentionCall call = call_of(request, layer.shape());
  q_pos_.clear();
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t i = 0; i < step.n_new; ++i) q_pos_.push_back(step.row_pos[row] + i);
  }
  kvern_view view{};
  slots.view(view);
  call.q_pos = q_pos_.data();
  call.first_pos = view.first_pos;
  call.key_pos = view.key_pos;
  call.key_pos_row_stride = view.row_stride;
  call.kv_len = view.kv_len;
  call.kv_type = layer.packed().type();
  const bool packed = !layer.packed().empty();
  if (packed && !call.lse) {
    lse_.resize(static_cast<std::size_t>(call.rows * call.q_heads * call.n_new));
    call.lse = lse_.data();
  }
  if (packed) attend_packed(call, layer, parallel);
  call.merge = packed;
  attend_dense(call, layer,
               request.sinks ? reinterpret_cast<const float *>(sdk::data_of(*request.sinks)) : nullptr,
               parallel);
  if (lse_.size() > kKept) {  // a long prompt's
    lse_ = {};
    q_pos_ = {};
  }
}

void Attention::attend_packed(const kernels::AttentionCall &call, const QuantizedLayer &layer,
                              const kernels::Parallel &parallel) {
  const PackedRows &packed = layer.packed();
  const int64_t tokens = packed.format().tokens;
  runs_.clear();
  rows_.clear();
  for (int64_t row = 0; row < packed.rows(); ++row) {
    for (const Piece &piece : packed.row(row).pieces) {
      const std::byte *data = piece.chunk->read(piece.block, piece.block + piece.blocks(tokens));
      runs_.push_back({data + piece.block * packed.format().bytes, piece.chunk->head_stride(), piece.column,
                       piece.tokens});
    }
  }
  const quant::Run *next = runs_.data();
  for (int64_t row = 0; row < packed.rows(); ++row) {
    const auto count = static_cast<int64_t>(packed.row(row).pieces.size());
    rows_.push_back({next, count});
    next += count;
  }
  quant::attention({call, &packed.format(), rows_.data(), arithmetic_}, parallel);
}

/// Rows whose dense parts begin in the same column together.
void Attention::attend_dense(const kernels::AttentionCall &call, const QuantizedLayer &layer,
                             const float *sinks, const kernels::Parallel &parallel) {
  DLTensor k, v;
  sdk::OutTensor k_holder, v_holder;
  layer.read_dense(call.kv_len, k_holder, &k, v_holder, &v);
  const PackedRows &packed = layer.packed();
  for (int64_t begin = 0, end = 0; begin < call.rows; begin = end) {
    const int64_t column = packed.row(begin).end, slot = column - layer.base();
    for (end = begin + 1; end < call.rows && packed.row(end).end == column;) ++end;
    kernels::AttentionCall part = rows_of(call, begin, end - begin);
    part.k_stride = strides_of(k);
    part.v_stride = strides_of(v);
    const int64_t size = kernels::size_of(part.kv_type);
    part.k = sdk::data_of(k) + (begin * part.k_stride.row + slot * part.k_stride.pos) * size;
    part.v = sdk::data_of(v) + (begin * part.v_stride.row + slot * part.v_stride.pos) * size;
    part.kv_len = call.kv_len - column;
    part.sinks = sinks;
    part.key_pos = moved(part.key_pos, column);
    part.bias = moved(part.bias, column * part.bias_stride[3]);
    if (part.first_pos) {
      first_pos_.clear();
      for (int64_t row = 0; row < part.rows; ++row) first_pos_.push_back(part.first_pos[row] + column);
      part.first_pos = first_pos_.data();
    }
    kernels::attention(part, parallel);
  }
}

}  // namespace kvern::quantized
