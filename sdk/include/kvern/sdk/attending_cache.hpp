// A KeyCache that computes attention itself, by the host's kernels over what its update would export: it may narrow what a query sees,
// or learn from what queries look at.
#pragma once
#include <kvern/sdk/host_attention.hpp>
#include <kvern/sdk/key_cache.hpp>

KVERN_SDK_BEGIN

/// The base of a cache whose attend calls attend_to or attend_with_mass; attend_by gives it the host's attention, without which it is a
/// KeyCache.
template <class Storage = Dense, class Retention = KeepAll>
class AttendingCache : public KeyCache<Storage, Retention> {
  using Base = KeyCache<Storage, Retention>;

 public:
  using Base::Base;

  void begin(const Step &step) {
    if (attention_) attention_->begin(step);
    try {
      Base::begin(step);
    } catch (...) {
      free_step();
      throw;
    }
  }
  void end(int64_t n_keep) {
    Base::end(n_keep);
    free_step();
  }
  void end_rows(std::span<const int64_t> row_keep) {
    Base::end_rows(row_keep);
    free_step();
  }

 protected:
  AttendingCache(const AttendingCache &) = default;

  void attend_by(HostAttention attention) { attention_.emplace(std::move(attention)); }
  bool attends() const { return attention_.has_value(); }

  /// Stores the request's keys and values, and attends to what the view shows. window: see HostAttention::run.
  void attend_to(const kvern_view &view, const kvern_attend &request, int64_t window = 0) {
    DLTensor k, v;
    store_and_read(request, k, v);
    attention_->run(request, view, k, v, window);
  }

  /// The same over the view of the KeyCache. Returns the attention mass of each key [rows, kv_heads, kv_len], summed over the queries;
  /// padding does not take part. On a CPU.
  const std::vector<float> &attend_with_mass(const kvern_attend &request) {
    DLTensor k, v;
    store_and_read(request, k, v);
    kvern_view view{};
    Base::view(request.layer, view);
    const Step &step = this->step();
    const int64_t size = k.shape[1] * view.kv_len;
    mass_.assign(static_cast<std::size_t>(step.rows * size), 0.0f);
    for (int64_t row = 0; row < step.rows; ++row) {
      const int64_t begin = std::clamp<int64_t>(-step.row_pos[row], 0, step.row_new[row]);
      attention_->clear(request, {row, 0, begin});
      attention_->run(request, {row, begin, step.row_new[row]}, view, k, v, mass_.data() + row * size);
      attention_->clear(request, {row, step.row_new[row], step.n_new});
    }
    return mass_;
  }

 private:
  void store_and_read(const kvern_attend &request, DLTensor &k, DLTensor &v) {
    if (request.k) this->store(request.layer, *request.k, request.v);
    this->read(request.layer, &k, &v);
  }

  void free_step() {
    if (attention_) attention_->end();
  }

  std::optional<HostAttention> attention_;
  std::vector<float> mass_;
};

KVERN_SDK_END
