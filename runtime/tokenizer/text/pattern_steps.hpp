// The limit of steps that all patterns of a tokenizer share on one text.
#pragma once
#include <cstddef>

namespace kvern::tokenizer {

/// Counts down from what a text of `bytes` may cost. A step is a few nanoseconds. One thread at a time.
class PatternSteps {
 public:
  explicit PatternSteps(size_t bytes) : left_(kLeast + kPerByte * bytes) {}
  /// False when the steps are used up.
  bool take(size_t steps) {
    left_ -= steps < left_ ? steps : left_;
    return left_ > 0;
  }

 private:
  static constexpr size_t kLeast = 50'000'000, kPerByte = 50;
  size_t left_;
};

}  // namespace kvern::tokenizer
