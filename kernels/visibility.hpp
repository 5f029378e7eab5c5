// Which keys are visible to the queries of a tile, by position. Internal to the kernels.
#pragma once
#include <cstdint>

#include "kernels/attention.hpp"

namespace kvern::kernels {

enum class Visible { none, some, all };

/// Positions of one row's keys in one key head, and the masking rule of the call.
class KeyPositions {
 public:
  KeyPositions(const AttentionCall &call, int64_t row, int64_t kv_head);

  int64_t at(int64_t key) const { return key_pos_ ? key_pos_[key] : first_ + key; }
  bool seen(int64_t key_pos, int64_t q_pos) const {
    return key_pos >= 0 && (!causal_ || key_pos <= q_pos) &&
           (window_ == 0 || key_pos < keep_first_ || key_pos > q_pos - window_);
  }
  /// Narrows [begin, end) to keys that a query at q_min..q_max may see.
  void narrow(int64_t q_min, int64_t q_max, int64_t &begin, int64_t &end) const;
  /// Visibility of keys [begin, end) to queries at q_min..q_max.
  Visible classify(int64_t q_min, int64_t q_max, int64_t begin, int64_t end) const;
  /// Sets the logits of keys [begin, end) that are masked for a query at q_pos to -infinity; logits[0] is
  /// that of `begin`.
  void mask(int64_t q_pos, int64_t begin, int64_t end, float *logits) const;

 private:
  bool causal_;
  int64_t window_, keep_first_, first_ = 0;
  const int64_t *key_pos_ = nullptr;
};

}  // namespace kvern::kernels
