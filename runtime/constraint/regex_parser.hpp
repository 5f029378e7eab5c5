// The syntax of patterns: what ECMA-262, Python and RE2 have in common.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/constraint/char_set.hpp"

namespace kvern::constraint {

struct RegexNode {
  enum class Kind { chars, sequence, choice, repeat, text_begin, text_end };
  Kind kind;
  CharSet chars = {};
  std::vector<RegexNode> parts = {};  ///< of a sequence or a choice, in order; of repeat: one
  int64_t least = 0;                  ///< of repeat
  std::optional<int64_t> most = {};   ///< of repeat; none: no limit
};

/// Throws Error(config): "PLACE: ... (at byte N of 'PATTERN')", for what is wrong and for what no automaton can follow: look-around,
/// back references, word boundaries.
RegexNode parse_regex(std::string_view pattern, std::string_view place);

}  // namespace kvern::constraint
