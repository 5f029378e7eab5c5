#include "runtime/constraint/utf8_ranges.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::constraint {
namespace {

using Sequences = std::vector<std::vector<ByteRange>>;

/// Characters of one length that differ from byte `at` on; splits until all bytes behind the first that differs are full ranges.
void split(char32_t first, char32_t last, Sequences &to) {
  std::string low, high;
  tokenizer::append_char(low, first);
  tokenizer::append_char(high, last);
  for (size_t behind = 1; behind < low.size(); ++behind) {
    const char32_t mask = (char32_t{1} << (6 * behind)) - 1;  // of the last `behind` bytes
    if ((first & ~mask) == (last & ~mask)) break;
    if ((first & mask) != 0) {
      split(first, first | mask, to);
      return split((first | mask) + 1, last, to);
    }
    if ((last & mask) != mask) {
      split(first, (last & ~mask) - 1, to);
      return split(last & ~mask, last, to);
    }
  }
  std::vector<ByteRange> sequence;
  for (size_t i = 0; i < low.size(); ++i)
    sequence.push_back({static_cast<uint8_t>(low[i]), static_cast<uint8_t>(high[i])});
  to.push_back(std::move(sequence));
}

}  // namespace

Sequences utf8_ranges(char32_t first, char32_t last) {
  constexpr std::array<char32_t, 4> kLastOfLength{0x7F, 0x7FF, 0xFFFF, 0x10FFFF};
  Sequences result;
  for (const char32_t end : kLastOfLength) {
    if (first > end) continue;
    split(first, std::min(last, end), result);
    if (last <= end) break;
    first = end + 1;
  }
  return result;
}

}  // namespace kvern::constraint
