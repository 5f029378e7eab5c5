// Strings: by lengths alone a repetition of characters that is counted; by patterns and formats an automaton.
#include <optional>

#include "runtime/constraint/regex.hpp"
#include "runtime/constraint/schema/compiler.hpp"

namespace kvern::constraint {

std::optional<CharAutomaton> string_automaton(const Merged &merged, const std::string &place) {
  std::optional<CharAutomaton> all;
  const auto meet = [&](const CharAutomaton &next, const std::string &where) {
    all = all ? intersection(*all, next, where) : next;
  };
  for (const Pattern &pattern : merged.patterns)
    meet(regex_automaton(pattern.regex, pattern.whole ? RegexMatch::whole : RegexMatch::anywhere,
                         pattern.place),
         pattern.place);
  if (all && (merged.min_length > 0 || merged.max_length))
    meet(of_length(CharSet::any(), merged.min_length, merged.max_length, place), place);
  return all;
}

void add_string(SchemaCompiler &compiler, const Merged &merged, Grammar::StateId from, Grammar::StateId to) {
  Grammar &grammar = compiler.grammar();
  const std::string place =
      compiler.document().name() + ": " + (merged.parts.empty() ? "#" : merged.parts.front().path);
  if (merged.patterns.empty() && merged.min_length == 0 && !merged.max_length)
    return grammar.add_call(from, compiler.any_string(), to);
  if (merged.max_length && *merged.max_length < merged.min_length) return;
  const auto inside = grammar.add_literal(from, "\"");
  auto end = grammar.add_state();
  if (const auto automaton = string_automaton(merged, place)) {
    grammar.add_automaton(inside, *automaton, Spelling::json_string, end);
  } else {
    const auto character = grammar.add_rule();
    const auto behind = grammar.add_state();
    grammar.set_returns(behind);
    grammar.add_chars(grammar.start_of(character), CharSet::any(), Spelling::json_string, behind);
    end = grammar.add_repeat(inside, character, merged.min_length, merged.max_length);
  }
  grammar.add_empty(grammar.add_literal(end, "\""), to);
}

}  // namespace kvern::constraint
