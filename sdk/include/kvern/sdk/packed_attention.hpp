// Attention on packed keys and values, one vector unpacked at a time: softmax online (Milakov and Gimelshein 2018). The plain way, for
// caches of the storage Packed; a cache that shall be fast brings kernels.
#pragma once
#include <cmath>
#include <kvern/sdk/packed.hpp>
#include <kvern/sdk/step.hpp>
#include <limits>

KVERN_SDK_BEGIN

namespace detail {

/// One query of one head over the slots of its row.
template <Codec C>
class PackedQuery {
 public:
  PackedQuery(const C &codec, const kvern_attend &request, const float *q)
      : codec_(codec),
        request_(request),
        q_(q),
        x_(static_cast<std::size_t>(request.q->shape[3])),
        value_(static_cast<std::size_t>(request.out->shape[3])),
        sum_(value_.size()) {}

  void add(const std::byte *key, const std::byte *value) {
    codec_.unpack(key, x_);
    float score = 0;
    for (std::size_t d = 0; d < x_.size(); ++d) score += q_[d] * x_[d];
    score *= request_.scale;
    if (request_.softcap > 0) score = request_.softcap * std::tanh(score / request_.softcap);
    const float largest = std::max(largest_, score);
    const float old = std::exp(largest_ - largest), fresh = std::exp(score - largest);
    codec_.unpack(value, value_);
    for (std::size_t d = 0; d < sum_.size(); ++d) sum_[d] = sum_[d] * old + fresh * value_[d];
    weight_ = weight_ * old + fresh;
    largest_ = largest;
  }
  /// Nothing seen: 0 and -inf.
  void finish(float *out, float *lse) const {
    for (std::size_t d = 0; d < sum_.size(); ++d) out[d] = weight_ > 0 ? sum_[d] / weight_ : 0;
    if (lse) *lse = weight_ > 0 ? largest_ + std::log(weight_) : -std::numeric_limits<float>::infinity();
  }

 private:
  const C &codec_;
  const kvern_attend &request_;
  const float *q_;
  std::vector<float> x_, value_, sum_;
  float largest_ = -std::numeric_limits<float>::infinity(), weight_ = 0;
};

}  // namespace detail

/// The request's attention over packed k and v [rows, kv_heads, slots, bytes] at the positions of `slots`; a request that is not causal
/// may have any number of queries, and each sees all keys. Without bias and sinks: refuse those before anything is stored.
template <Codec C>
void attend_packed(const C &codec, const kvern_attend &request, const Step &step, const Slots &slots,
                   const DLTensor &k, const DLTensor &v) {
  const DLTensor &q = *request.q, &out = *request.out;
  const int64_t n_queries = q.shape[2];
  const Block from = block_of(q), to = block_of(out), keys = block_of(k), values = block_of(v);
  float *lse = request.lse ? reinterpret_cast<float *>(data_of(*request.lse)) : nullptr;
  const auto visible = [&](int64_t key, int64_t query) {
    return key >= 0 && (!request.causal || key <= query) &&
           (request.window == 0 || key > query - request.window);
  };
  for (int64_t row = 0; row < step.rows; ++row) {
    for (int64_t head = 0; head < q.shape[1]; ++head) {
      const int64_t key_head = head / (q.shape[1] / k.shape[1]);
      for (int64_t i = 0; i < n_queries; ++i) {
        const bool is_filler = request.causal && i >= step.row_new[row];
        const auto *query = reinterpret_cast<const float *>(from.data + row * from.row_stride +
                                                            head * from.head_stride + i * from.slot_stride);
        detail::PackedQuery<C> sum(codec, request, query);
        for (int64_t slot = 0; slot < slots.size() && !is_filler; ++slot) {
          if (!visible(slots.position(row, slot), step.row_pos[row] + i)) continue;
          sum.add(keys.data + row * keys.row_stride + key_head * keys.head_stride + slot * keys.slot_stride,
                  values.data + row * values.row_stride + key_head * values.head_stride +
                      slot * values.slot_stride);
        }
        sum.finish(reinterpret_cast<float *>(to.data + row * to.row_stride + head * to.head_stride +
                                             i * to.slot_stride),
                   lse ? lse + (row * q.shape[1] + head) * n_queries + i : nullptr);
      }
    }
  }
}

KVERN_SDK_END
