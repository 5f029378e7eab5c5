// Whole blocks are classified by the minimum and maximum of their positions; the rest key by key.
#include "kernels/visibility.hpp"

#include <algorithm>
#include <limits>

namespace kvern::kernels {

KeyPositions::KeyPositions(const AttentionCall &call, int64_t row, int64_t kv_head)
    : causal_(call.causal), window_(call.window), keep_first_(call.window ? call.keep_first : 0) {
  if (call.key_pos) {
    key_pos_ = call.key_pos + row * call.key_pos_row_stride + kv_head * call.key_pos_head_stride;
  } else if (call.first_pos) {
    first_ = call.first_pos[row];
  }
}

void KeyPositions::narrow(int64_t q_min, int64_t q_max, int64_t &begin, int64_t &end) const {
  if (key_pos_) return;
  begin = std::max(begin, -first_);
  if (causal_) end = std::min(end, q_max - first_ + 1);
  if (window_ && keep_first_ == 0) begin = std::max(begin, q_min - window_ + 1 - first_);
}

Visible KeyPositions::classify(int64_t q_min, int64_t q_max, int64_t begin, int64_t end) const {
  int64_t low = at(begin), high = at(end - 1);
  if (key_pos_) {
    for (int64_t i = begin; i < end; ++i) {
      low = std::min(low, key_pos_[i]);
      high = std::max(high, key_pos_[i]);
    }
  }
  bool after = causal_ && low > q_max;
  bool before = window_ && high <= q_min - window_ && low >= keep_first_;
  if (high < 0 || after || before) return Visible::none;
  bool window_holds = !window_ || low > q_max - window_ || high < keep_first_;
  return low >= 0 && (!causal_ || high <= q_min) && window_holds ? Visible::all : Visible::some;
}

void KeyPositions::mask(int64_t q_pos, int64_t begin, int64_t end, float *logits) const {
  if (!key_pos_ && !window_) {  // the visible keys are neighbours
    const int64_t first = std::clamp(-first_, begin, end);
    const int64_t last = std::clamp(causal_ ? q_pos - first_ + 1 : end, first, end);
    std::fill(logits, logits + (first - begin), -std::numeric_limits<float>::infinity());
    std::fill(logits + (last - begin), logits + (end - begin), -std::numeric_limits<float>::infinity());
    return;
  }
  for (int64_t i = begin; i < end; ++i) {
    if (!seen(at(i), q_pos)) logits[i - begin] = -std::numeric_limits<float>::infinity();
  }
}

}  // namespace kvern::kernels
