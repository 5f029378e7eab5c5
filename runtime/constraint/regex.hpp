// Patterns as automata.
#pragma once
#include <string_view>

#include "runtime/constraint/char_automaton.hpp"

namespace kvern::constraint {

enum class RegexMatch {
  whole,    ///< the pattern describes the whole text
  anywhere  ///< a part of the text matches, as JSON Schema's `pattern` and re.search
};

/// The texts that match. Throws Error(config) that begins with `place`: the pattern is wrong, holds what is not supported, or
/// takes too many states.
CharAutomaton regex_automaton(std::string_view pattern, RegexMatch match, std::string_view place);

}  // namespace kvern::constraint
