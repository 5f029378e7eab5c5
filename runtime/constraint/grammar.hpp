// A grammar over bytes: states with edges for ranges of bytes, empty steps, and calls of other rules, which return to where they
// were called. Calls make it a stack machine, so that what nests may nest without limit.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/constraint/char_automaton.hpp"
#include "runtime/constraint/utf8_ranges.hpp"

namespace kvern::constraint {

/// How characters become bytes.
enum class Spelling {
  plain,       ///< UTF-8
  json_string  ///< as JSON writes them between quotation marks, escaped where it must be
};

/// What a JSON string spells by escapes: quotation marks, backslashes and control characters.
const CharSet &must_be_escaped();

class Grammar {
 public:
  using StateId = uint32_t;
  using RuleId = uint32_t;
  struct Edge {
    ByteRange bytes;
    StateId to;
  };
  struct Call {
    RuleId rule;
    StateId to;
  };
  /// Calls of a rule, `least` to `most` times in all; then on to `to`.
  struct Repeat {
    RuleId rule;
    StateId to;
    uint32_t least;
    std::optional<uint32_t> most;
  };
  struct State {
    std::vector<Edge> edges;
    std::vector<StateId> empty;
    std::vector<Call> calls;
    std::optional<Repeat> repeat;
    bool returns = false;  ///< its rule may end here
  };

  StateId add_state();
  /// A rule that has no state yet but its first.
  RuleId add_rule();
  StateId start_of(RuleId rule) const { return rules_[rule]; }
  const State &state(StateId id) const { return states_[id]; }
  size_t size() const { return states_.size(); }

  // Each adds what leads from `from` to `to`, or to a new state that is returned.
  void add_empty(StateId from, StateId to);
  StateId add_literal(StateId from, std::string_view bytes);
  void add_bytes(StateId from, ByteRange range, StateId to);
  void add_chars(StateId from, const CharSet &chars, Spelling spelling, StateId to);
  void add_automaton(StateId from, const CharAutomaton &automaton, Spelling spelling, StateId to);
  void add_call(StateId from, RuleId rule, StateId to);
  StateId add_repeat(StateId from, RuleId rule, int64_t least, std::optional<int64_t> most);
  void set_returns(StateId state) { states_[state].returns = true; }

  /// Takes out what leads to no end. By rule: whether it has a text.
  std::vector<bool> prune();

 private:
  RuleId rule_of_chars(const CharSet &chars, Spelling spelling);
  void add_sequences(StateId from, const CharSet &chars, StateId to);
  void add_escapes(StateId from, const CharSet &chars, StateId to);
  std::vector<bool> productive() const;
  bool is_productive(const State &state, const std::vector<bool> &good) const;

  std::vector<State> states_;
  std::vector<StateId> rules_;
  std::map<std::pair<CharSet, Spelling>, RuleId> rules_of_chars_;
};

}  // namespace kvern::constraint
