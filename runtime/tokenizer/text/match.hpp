// Stretches of a text: what a search returns, and how a text is cut at what was found.
#pragma once
#include <cstddef>
#include <string_view>
#include <vector>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::tokenizer {

/// Bytes [begin, end) of a text; hit: the pattern matched there. A search covers the text with these, in
/// order.
struct Match {
  size_t begin, end;
  bool hit;
  bool operator==(const Match &) const = default;
};

/// Every occurrence of the literal `what` (not empty), and what lies between.
std::vector<Match> find_literal(std::string_view text, std::string_view what);

/// Every single character for which `test` holds, and what lies between.
template <class Test>
std::vector<Match> find_chars(std::string_view text, const Test &test) {
  std::vector<Match> matches;
  size_t covered = 0;
  for (size_t position = 0; position < text.size();) {
    const size_t begin = position;
    if (!test(next_char(text, position))) continue;
    if (covered < begin) matches.push_back({covered, begin, false});
    matches.push_back({begin, position, true});
    covered = position;
  }
  if (covered < text.size()) matches.push_back({covered, text.size(), false});
  return matches;
}

/// What becomes of the delimiters; the names are those of tokenizer.json.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

/// The stretches that remain (hit means nothing any more).
std::vector<Match> apply_behavior(std::vector<Match> matches, SplitBehavior behavior);

}  // namespace kvern::tokenizer
