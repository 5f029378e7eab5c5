// Attention by the host's kernels, kvern.attention/1, over keys that a cache would export: for caches that narrow what a query sees,
// or that learn from what it looks at.
#pragma once
#include <kvern/abi/attention.h>

#include <algorithm>
#include <kvern/sdk/host.hpp>
#include <kvern/sdk/step.hpp>
#include <kvern/sdk/tensor.hpp>
#include <limits>
#include <vector>

KVERN_SDK_BEGIN

class ViewAttention {
 public:
  /// UNSUPPORTED where the host does not offer it; needs_mass: nor reports attention mass.
  explicit ViewAttention(const Host &host, bool needs_mass = false)
      : table_(&host.required_extension<kvern_attention_1>(KVERN_ATTENTION_1)) {
    if (needs_mass && !KVERN_HAS(table_, kvern_attention_1, run_with_mass))
      fail(KVERN_UNSUPPORTED, "the host does not report attention mass (kvern.attention/1, run_with_mass)");
  }

  /// Attention of the request's queries over the keys k and v of a view, [rows, kv_heads, kv_len, dim]. window: of positions, 0 = that
  /// of the request; the narrower one holds. UNSUPPORTED, without an effect, for a request with a bias: the host does that itself.
  void run(const kvern_attend &request, const Step &step, const kvern_view &view, const DLTensor &k,
           const DLTensor &v, int64_t window = 0) {
    const kvern_attend call = prepared(request, step, view, window);
    const kvern_piece_1 piece{&k, &v,       view.first_pos, view.key_pos, view.row_stride, view.head_stride,
                              0,  step.rows};
    kvern_error error = empty_error();
    require(table_->run(table_->ctx, &call, q_pos_.data(), &piece, 1, 0, step.stream, &error), error);
    hide_padding(request, step);
  }

  /// The same, and the attention mass of each key, [rows, kv_heads, kv_len], summed over the queries: padding does not take part.
  const std::vector<float> &run_with_mass(const kvern_attend &request, const Step &step,
                                          const kvern_view &view, const DLTensor &k, const DLTensor &v) {
    mass_.assign(static_cast<std::size_t>(product(step.rows, k.shape[1], view.kv_len)), 0.0f);
    for (int64_t row = 0; row < step.rows; ++row) {
      const int64_t first = std::clamp<int64_t>(-step.row_pos[row], 0, step.row_new[row]);
      if (first < step.row_new[row]) add_mass(request, step, view, k, v, row, first);
    }
    hide_padding(request, step);
    return mass_;
  }

 private:
  kvern_attend prepared(const kvern_attend &request, const Step &step, const kvern_view &view,
                        int64_t window) {
    if (request.bias) fail(KVERN_UNSUPPORTED, "attention with a bias is the host's");
    q_pos_.clear();
    for (int64_t row = 0; row < step.rows; ++row) {
      for (int64_t i = 0; i < step.n_new; ++i)
        q_pos_.push_back(view.q_pos ? view.q_pos[row * step.n_new + i] : step.row_pos[row] + i);
    }
    kvern_attend call = request;
    if (window > 0 && (call.window == 0 || window < call.window)) call.window = static_cast<int32_t>(window);
    if (!call.lse) {
      lse_shape_[0] = step.rows, lse_shape_[1] = request.q->shape[1], lse_shape_[2] = step.n_new;
      lse_.resize(static_cast<std::size_t>(product(step.rows, lse_shape_[1], step.n_new)));
      lse_tensor_ = {lse_.data(), {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, lse_shape_, nullptr, 0};
      call.lse = &lse_tensor_;
    }
    return call;
  }

  void add_mass(const kvern_attend &request, const Step &step, const kvern_view &view, const DLTensor &k,
                const DLTensor &v, int64_t row, int64_t first) {
    const TensorSlice::Range one{row, 1}, columns{first, step.row_new[row] - first}, slots{0, view.kv_len};
    const TensorSlice q(*request.q, one, columns), out(*request.out, one, columns), own_k(k, one, slots),
        own_v(v, one, slots);
    DLTensor out_tensor = out.tensor();
    std::vector<int64_t> q_pos;
    for (int64_t i = 0; i < columns.count; ++i) {
      const int64_t at = first + i;
      q_pos.push_back(view.q_pos ? view.q_pos[row * step.n_new + at] : step.row_pos[row] + at);
    }
    kvern_attend call = prepared(request, step, view, 0);
    call.q = &q.tensor(), call.out = &out_tensor;
    std::vector<float> sums(static_cast<std::size_t>(product(request.q->shape[1], columns.count)));
    int64_t sums_shape[3] = {1, request.q->shape[1], columns.count};
    DLTensor lse{sums.data(), {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, sums_shape, nullptr, 0};
    call.lse = &lse;
    const kvern_piece_1 piece{&own_k.tensor(),
                              &own_v.tensor(),
                              view.first_pos ? view.first_pos + row : nullptr,
                              view.key_pos ? view.key_pos + row * view.row_stride : nullptr,
                              view.row_stride,
                              view.head_stride,
                              0,
                              1};
    int64_t shape[3] = {1, k.shape[1], view.kv_len};
    DLTensor mass{
        mass_.data() + row * k.shape[1] * view.kv_len, {kDLCPU, 0}, 3, {kDLFloat, 32, 1}, shape, nullptr, 0};
    kvern_error error = empty_error();
    require(table_->run_with_mass(table_->ctx, &call, q_pos.data(), &piece, &mass, step.stream, &error),
            error);
    if (!request.lse) return;
    auto *to = reinterpret_cast<float *>(data_of(*request.lse));
    for (int64_t head = 0; head < sums_shape[1]; ++head)
      std::copy_n(sums.data() + head * columns.count, columns.count,
                  to + (row * sums_shape[1] + head) * step.n_new + first);
  }

  /// Columns that are no tokens of the text see nothing.
  static void hide_padding(const kvern_attend &request, const Step &step) {
    const DLTensor &out = *request.out;
    auto *data = reinterpret_cast<float *>(data_of(out));
    auto *lse = request.lse ? reinterpret_cast<float *>(data_of(*request.lse)) : nullptr;
    for (int64_t row = 0; row < step.rows; ++row) {
      for (int64_t i = 0; i < step.n_new; ++i) {
        if (i < step.row_new[row] && step.row_pos[row] + i >= 0) continue;
        for (int64_t head = 0; head < out.shape[1]; ++head) {
          std::fill_n(data + row * stride_of(out, 0) + head * stride_of(out, 1) + i * stride_of(out, 2),
                      out.shape[3], 0.0f);
          if (lse)
            lse[(row * out.shape[1] + head) * step.n_new + i] = -std::numeric_limits<float>::infinity();
        }
      }
    }
  }

  const kvern_attention_1 *table_;
  std::vector<int64_t> q_pos_;
  std::vector<float> lse_, mass_;
  int64_t lse_shape_[3]{};
  DLTensor lse_tensor_{};
};

KVERN_SDK_END
