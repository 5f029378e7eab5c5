// Ranges of characters as sequences of ranges of bytes.
#pragma once
#include <cstdint>
#include <vector>

namespace kvern::constraint {

struct ByteRange {
  uint8_t first, last;
  auto operator<=>(const ByteRange &) const = default;
};

/// Sequences of one to four ranges that together are the UTF-8 of the characters from `first` to `last`, no surrogates among
/// them.
std::vector<std::vector<ByteRange>> utf8_ranges(char32_t first, char32_t last);

}  // namespace kvern::constraint
