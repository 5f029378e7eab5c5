// The host's attention ("kvern.attention/1") over keys and values of a cache's own, on the device where they are: for caches that narrow
// what a query sees, attend in pieces, or learn from what queries look at.
#pragma once
#include <kvern/abi/attention.h>

#include <algorithm>
#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/mover.hpp>
#include <kvern/sdk/step.hpp>
#include <limits>
#include <optional>

KVERN_SDK_BEGIN

/// Between begin and end it has memory for the log-sum-exp that the host returns where the caller of attend wants none.
class HostAttention {
 public:
  /// UNSUPPORTED where the host offers none; needs_mass: nor reports attention mass.
  explicit HostAttention(const Create &create, bool needs_mass = false)
      : table_(&create.host.required_extension<kvern_attention_1>(KVERN_ATTENTION_1)),
        host_(create.host),
        mover_(create.host) {
    if (needs_mass && !KVERN_HAS(table_, kvern_attention_1, run_with_mass))
      fail(KVERN_UNSUPPORTED, "the host does not report attention mass (kvern.attention/1, run_with_mass)");
    for (const Layer &layer : create.layers) q_heads_ = std::max<int64_t>(q_heads_, layer.q_heads);
  }

  /// Throws the host's failure.
  void begin(const Step &step) {
    if (step.n_new > 0) lse_ = Scratch(host_, -1, kSingle, {step.rows, q_heads_, step.n_new});
    n_new_ = step.n_new;
    q_pos_.clear();
    for (int64_t row = 0; row < step.rows; ++row) {
      for (int64_t i = 0; i < step.n_new; ++i) q_pos_.push_back(step.row_pos[row] + i);
    }
  }
  void end() { lse_ = Scratch(); }

  /// A request that has lse.
  class WithLse {
   public:
    kvern_attend call;

   private:
    friend class HostAttention;
    WithLse(const kvern_attend &request, const HostAttention &from) : call(request) {
      if (call.lse) return;
      const DLTensor &q = *call.q;
      std::byte *data = from.lse_ ? from.lse_.fill({0, 0, q.shape[0]}) : nullptr;
      lse_.emplace(data, from.host_.device(), kSingle,
                   std::initializer_list<int64_t>{q.shape[0], q.shape[1], q.shape[2]},
                   std::initializer_list<int64_t>{q.shape[1] * q.shape[2], q.shape[2], 1});
      call.lse = lse_->out();
    }
    std::optional<Placed> lse_;
  };
  WithLse with_lse(const kvern_attend &request) const { return WithLse(request, *this); }

  /// The request's queries over one piece; merge: joined with what out and request.lse hold. Give it what with_lse returns.
  void run(const kvern_attend &request, const kvern_piece_1 &piece, bool merge) const {
    call([&](kvern_error *error) {
      return table_->run(table_->ctx, &request, q_pos_.data(), &piece, 1, merge, StreamScope::current(),
                         error);
    });
  }

  /// The request's queries over the keys of a view, k and v [rows, kv_heads, kv_len, dim]. window: of positions, 0 = that of the
  /// request; the narrower one holds.
  void run(const kvern_attend &request, const kvern_view &view, const DLTensor &k, const DLTensor &v,
           int64_t window = 0) const {
    WithLse with = with_lse(request);
    if (window > 0 && (request.window == 0 || window < request.window))
      with.call.window = static_cast<int32_t>(window);
    run(with.call, {&k, &v, view.first_pos, view.key_pos, view.row_stride, view.head_stride, 0, k.shape[0]},
        false);
  }

  /// Columns begin .. end - 1 of one row of a request.
  struct Columns {
    int64_t row, begin, end;
  };

  /// The same for the queries of some columns. mass: nullptr, or [kv_heads, kv_len] where the keys are, to which the attention mass
  /// of each key is added.
  void run(const kvern_attend &request, const Columns &columns, const kvern_view &view, const DLTensor &k,
           const DLTensor &v, float *mass) const {
    const int64_t row = columns.row, n = columns.end - columns.begin, heads = request.q->shape[1];
    if (n <= 0) return;
    const TensorSlice::Range own{row, 1}, these{columns.begin, n}, all{0, view.kv_len};
    const TensorSlice q(*request.q, own, these), out(*request.out, own, these), row_k(k, own, all),
        row_v(v, own, all);
    DLTensor row_out = out.tensor();
    std::byte *sums = lse_.fill({0, 0, 1});
    Placed lse(sums, host_.device(), kSingle, {1, heads, n}, {heads * n, n, 1});
    kvern_attend part = request;
    part.q = &q.tensor(), part.out = &row_out, part.lse = lse.out();
    std::optional<TensorSlice> bias;
    if (request.bias) part.bias = &bias_of(*request.bias, columns, bias);
    const kvern_piece_1 piece{&row_k.tensor(),
                              &row_v.tensor(),
                              view.first_pos ? view.first_pos + row : nullptr,
                              view.key_pos ? view.key_pos + row * view.row_stride : nullptr,
                              view.row_stride,
                              view.head_stride,
                              0,
                              1};
    run(part, q_pos_.data() + row * n_new_ + columns.begin, piece, mass, k.shape[1], view.kv_len);
    if (!request.lse) return;
    const Placed computed(sums, host_.device(), kSingle, {heads, n}, {n, 1});
    set_lse(request, columns, computed.tensor());
  }

  /// What columns get whose queries see nothing: 0, and -inf as log-sum-exp.
  void clear(const kvern_attend &request, const Columns &columns) const {
    const int64_t n = columns.end - columns.begin, heads = request.out->shape[1];
    if (n <= 0) return;
    const TensorSlice part(*request.out, {columns.row, 1}, {columns.begin, n});
    DLTensor out = part.tensor();
    if (mover_.on_device()) {
      mover_.zero(&out);
    } else {
      const Block block = block_of(out);
      for (int64_t head = 0; head < heads; ++head)
        for (int64_t i = 0; i < n; ++i)
          std::fill_n(
              reinterpret_cast<float *>(block.data + head * block.head_stride + i * block.slot_stride),
              out.shape[3], 0.0f);
    }
    if (!request.lse) return;
    std::vector<float> nothing(static_cast<std::size_t>(heads * n), -std::numeric_limits<float>::infinity());
    const Placed from(nothing.data(), {kDLCPU, 0}, kSingle, {heads, n}, {n, 1});
    set_lse(request, columns, from.tensor());
  }

 private:
  static constexpr DLDataType kSingle{kDLFloat, 32, 1};

  /// Of a bias [1|rows, 1|q_heads, 1|n_new, 1|kv_len] what some columns get.
  static const DLTensor &bias_of(const DLTensor &bias, const Columns &columns,
                                 std::optional<TensorSlice> &slice) {
    const bool by_row = bias.shape[0] > 1, by_column = bias.shape[2] > 1;
    slice.emplace(
        bias, TensorSlice::Range{by_row ? columns.row : 0, 1},
        TensorSlice::Range{by_column ? columns.begin : 0, by_column ? columns.end - columns.begin : 1});
    return slice->tensor();
  }

  template <class Call>
  static void call(Call &&call) {
    kvern_error error = empty_error();
    require(call(&error), error);
  }

  void run(const kvern_attend &request, const int64_t *q_pos, const kvern_piece_1 &piece, float *mass,
           int64_t kv_heads, int64_t kv_len) const {
    void *stream = StreamScope::current();
    if (!mass) {
      return call([&](kvern_error *error) {
        return table_->run(table_->ctx, &request, q_pos, &piece, 1, 0, stream, error);
      });
    }
    Placed to(mass, host_.device(), kSingle, {1, kv_heads, kv_len}, {kv_heads * kv_len, kv_len, 1});
    call([&](kvern_error *error) {
      return table_->run_with_mass(table_->ctx, &request, q_pos, &piece, to.out(), stream, error);
    });
  }

  /// The request's lse [rows, heads, columns] of some columns becomes `from` [heads, n].
  void set_lse(const kvern_attend &request, const Columns &columns, const DLTensor &from) const {
    const DLTensor &lse = *request.lse;
    const int64_t heads = from.shape[0], n = from.shape[1], stride = stride_of(lse, 1);
    std::byte *data = data_of(lse) + (columns.row * stride_of(lse, 0) + columns.begin) * 4;
    if (mover_.on_device()) {
      Placed to(data, lse.device, kSingle, {heads, n}, {stride, 1});
      return mover_.copy(from, to.out());
    }
    for (int64_t head = 0; head < heads; ++head)
      std::memcpy(data + head * stride * 4, data_of(from) + head * n * 4, static_cast<std::size_t>(n * 4));
  }

  const kvern_attention_1 *table_;
  Host host_;
  Mover mover_;
  int64_t q_heads_ = 1;
  Scratch lse_;
  // of the open step
  int64_t n_new_ = 0;
  std::vector<int64_t> q_pos_;  // [rows, n_new]
};

KVERN_SDK_END
