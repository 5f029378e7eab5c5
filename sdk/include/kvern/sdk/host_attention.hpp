// The host's attention ("kvern.attention/1") over keys and values of a cache's own, on the device where they are.
#pragma once
#include <kvern/abi/attention.h>

#include <kvern/sdk/buffer.hpp>
#include <kvern/sdk/create.hpp>
#include <kvern/sdk/mover.hpp>
#include <kvern/sdk/step.hpp>
#include <optional>
#include <span>

KVERN_SDK_BEGIN

/// Between begin and end it has memory for the log-sum-exp that merging needs where the caller of attend wants none.
class HostAttention {
 public:
  /// UNSUPPORTED where the host offers none.
  explicit HostAttention(const Create &create)
      : table_(&create.host.required_extension<kvern_attention_1>(KVERN_ATTENTION_1)), host_(create.host) {
    for (const Layer &layer : create.layers) q_heads_ = std::max<int64_t>(q_heads_, layer.q_heads);
  }

  const kvern_attention_1 &table() const { return *table_; }

  /// Throws the host's failure.
  void begin(const Step &step) {
    if (step.n_new > 0) lse_ = Scratch(host_, -1, kSingle, {step.rows, q_heads_, step.n_new});
    q_pos_.clear();
    for (int64_t row = 0; row < step.rows; ++row) {
      for (int64_t i = 0; i < step.n_new; ++i) q_pos_.push_back(step.row_pos[row] + i);
    }
  }
  void end() { lse_ = Scratch(); }

  /// The request's queries over one piece; merge: joined with what out and request.lse hold. Give it what with_lse returns.
  void run(const kvern_attend &request, const kvern_piece_1 &piece, bool merge) const {
    kvern_error error = empty_error();
    require(
        table_->run(table_->ctx, &request, q_pos_.data(), &piece, 1, merge, StreamScope::current(), &error),
        error);
  }

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

 private:
  static constexpr DLDataType kSingle{kDLFloat, 32, 1};

  const kvern_attention_1 *table_;
  Host host_;
  int64_t q_heads_ = 1;
  Scratch lse_;
  std::vector<int64_t> q_pos_;  // [rows, n_new] of the open step
};

KVERN_SDK_END
