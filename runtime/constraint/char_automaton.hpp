// Finite automata over characters, without empty steps: what a pattern, a length or a list of names allows. Intersected and
// trimmed before they become bytes.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "runtime/constraint/char_set.hpp"

namespace kvern::constraint {

struct CharAutomaton {
  struct Edge {
    CharSet chars;
    uint32_t to;
  };
  struct State {
    std::vector<Edge> edges;
    bool accepts = false;
  };
  std::vector<State> states;  ///< the first is the start; none: no text is accepted

  bool matches(std::string_view utf8) const;
  /// No text is accepted. Exact for automata that are trimmed.
  bool empty() const { return states.empty(); }
};

/// More states than this are refused where automata are made.
inline constexpr size_t kMaxStates = 20000;
inline constexpr size_t kMaxEdges = 200000;

/// Throws Error(config), beginning with `place`, beyond these limits.
void check_automaton_size(size_t states, size_t edges, std::string_view place);

/// Without states that are not reached or from which no end is reached.
CharAutomaton trimmed(const CharAutomaton &a);

/// Texts that both accept. Throws Error(config), beginning with `place`, where that takes too many states.
CharAutomaton intersection(const CharAutomaton &a, const CharAutomaton &b, std::string_view place);

/// Texts that it does not accept. Throws as intersection.
CharAutomaton complement(const CharAutomaton &a, std::string_view place);

/// Texts of `least` to `most` characters of `chars`.
CharAutomaton of_length(const CharSet &chars, int64_t least, std::optional<int64_t> most,
                        std::string_view place);

/// One of these texts.
CharAutomaton one_of_texts(const std::vector<std::string_view> &texts);

}  // namespace kvern::constraint
