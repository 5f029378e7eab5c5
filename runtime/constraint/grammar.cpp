#include "runtime/constraint/grammar.hpp"

#include <algorithm>
#include <kvern/error.hpp>

namespace kvern::constraint {
namespace {

constexpr size_t kMaxGrammarStates = 2'000'000;

std::string json_escape(char32_t c) {
  switch (c) {
    case '"':
      return "\\\"";
    case '\\':
      return "\\\\";
    case '\b':
      return "\\b";
    case '\f':
      return "\\f";
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  constexpr char kDigits[] = "0123456789abcdef";
  return std::string("\\u00") + kDigits[c / 16] + kDigits[c % 16];
}

}  // namespace

const CharSet &must_be_escaped() {
  static const CharSet set = [] {
    CharSet all = CharSet::of(0, 0x1F);
    all |= CharSet::of('"');
    return all |= CharSet::of('\\');
  }();
  return set;
}

Grammar::StateId Grammar::add_state() {
  if (states_.size() >= kMaxGrammarStates)
    throw Error(ErrorKind::config, "response_format: takes more than " + std::to_string(kMaxGrammarStates) +
                                       " states; use a smaller schema");
  states_.emplace_back();
  return static_cast<StateId>(states_.size() - 1);
}

Grammar::RuleId Grammar::add_rule() {
  rules_.push_back(add_state());
  return static_cast<RuleId>(rules_.size() - 1);
}

void Grammar::add_empty(StateId from, StateId to) { states_[from].empty.push_back(to); }

void Grammar::add_bytes(StateId from, ByteRange range, StateId to) {
  states_[from].edges.push_back({range, to});
}

Grammar::StateId Grammar::add_literal(StateId from, std::string_view bytes) {
  for (const char c : bytes) {
    const StateId next = add_state();
    const auto byte = static_cast<uint8_t>(c);
    add_bytes(from, {byte, byte}, next);
    from = next;
  }
  return from;
}

void Grammar::add_call(StateId from, RuleId rule, StateId to) { states_[from].calls.push_back({rule, to}); }

Grammar::StateId Grammar::add_repeat(StateId from, RuleId rule, int64_t least, std::optional<int64_t> most) {
  const auto count = [](int64_t n) { return static_cast<uint32_t>(std::min<int64_t>(n, UINT32_MAX)); };
  const StateId repeat = add_state(), to = add_state();
  add_empty(from, repeat);
  states_[repeat].repeat = Repeat{rule, to, count(least), most ? std::optional(count(*most)) : std::nullopt};
  return to;
}

// ---- characters

void Grammar::add_sequences(StateId from, const CharSet &chars, StateId to) {
  std::map<std::vector<ByteRange>, StateId> tails;  // states from which these ranges lead to `to`
  for (const auto &[first, last] : chars.ranges())
    for (const auto &sequence : utf8_ranges(first, last)) {
      StateId target = to;
      for (size_t i = sequence.size(); i-- > 1;) {
        const std::vector<ByteRange> tail(sequence.begin() + static_cast<ptrdiff_t>(i), sequence.end());
        auto found = tails.find(tail);
        if (found == tails.end()) {
          found = tails.emplace(tail, add_state()).first;
          add_bytes(found->second, sequence[i], target);
        }
        target = found->second;
      }
      add_bytes(from, sequence[0], target);
    }
}

void Grammar::add_escapes(StateId from, const CharSet &chars, StateId to) {
  const CharSet escaped = chars & must_be_escaped();
  for (const auto &[first, last] : escaped.ranges())
    for (char32_t c = first; c <= last; ++c) add_empty(add_literal(from, json_escape(c)), to);
}

Grammar::RuleId Grammar::rule_of_chars(const CharSet &chars, Spelling spelling) {
  const auto [found, is_new] = rules_of_chars_.emplace(std::pair(chars, spelling), 0);
  if (!is_new) return found->second;
  const RuleId rule = found->second = add_rule();
  const StateId start = start_of(rule), end = add_state();
  set_returns(end);
  if (spelling == Spelling::plain) {
    add_sequences(start, chars, end);
  } else {
    add_sequences(start, chars & ~must_be_escaped(), end);
    add_escapes(start, chars, end);
  }
  return rule;
}

void Grammar::add_chars(StateId from, const CharSet &chars, Spelling spelling, StateId to) {
  const auto &ranges = chars.ranges();
  const bool ascii = !ranges.empty() && ranges.back().second < 0x80;
  if (!ascii || (spelling == Spelling::json_string && !(chars & must_be_escaped()).empty()))
    return add_call(from, rule_of_chars(chars, spelling), to);
  for (const auto &[first, last] : ranges)
    add_bytes(from, {static_cast<uint8_t>(first), static_cast<uint8_t>(last)}, to);
}

void Grammar::add_automaton(StateId from, const CharAutomaton &automaton, Spelling spelling, StateId to) {
  if (automaton.empty()) return;
  std::vector<StateId> ids;
  for (size_t i = 0; i < automaton.states.size(); ++i) ids.push_back(add_state());
  add_empty(from, ids[0]);
  for (size_t i = 0; i < ids.size(); ++i) {
    for (const auto &edge : automaton.states[i].edges) add_chars(ids[i], edge.chars, spelling, ids[edge.to]);
    if (automaton.states[i].accepts) add_empty(ids[i], to);
  }
}

// ---- what leads to an end

bool Grammar::is_productive(const State &state, const std::vector<bool> &good) const {
  const auto runs = [&](RuleId rule) { return good[rules_[rule]]; };
  const auto &r = state.repeat;
  return state.returns ||
         std::any_of(state.edges.begin(), state.edges.end(), [&](auto &e) { return good[e.to]; }) ||
         std::any_of(state.empty.begin(), state.empty.end(), [&](auto to) { return good[to]; }) ||
         std::any_of(state.calls.begin(), state.calls.end(),
                     [&](auto &c) { return good[c.to] && runs(c.rule); }) ||
         (r && good[r->to] && (r->least == 0 || runs(r->rule)));
}

/// States from which a return of their rule is reached.
std::vector<bool> Grammar::productive() const {
  std::vector<std::vector<StateId>> needed_by(states_.size());
  for (StateId s = 0; s < states_.size(); ++s) {
    for (const Edge &edge : states_[s].edges) needed_by[edge.to].push_back(s);
    for (const StateId to : states_[s].empty) needed_by[to].push_back(s);
    for (const Call &call : states_[s].calls)
      needed_by[call.to].push_back(s), needed_by[rules_[call.rule]].push_back(s);
    if (const auto &r = states_[s].repeat)
      needed_by[r->to].push_back(s), needed_by[rules_[r->rule]].push_back(s);
  }
  std::vector<bool> good(states_.size(), false);
  std::vector<StateId> open;
  for (StateId s = 0; s < states_.size(); ++s)
    if (states_[s].returns) good[s] = true, open.push_back(s);
  while (!open.empty()) {
    const StateId done = open.back();
    open.pop_back();
    for (const StateId s : needed_by[done])
      if (!good[s] && is_productive(states_[s], good)) good[s] = true, open.push_back(s);
  }
  return good;
}

std::vector<bool> Grammar::prune() {
  const auto good = productive();
  const auto bad_rule = [&](RuleId r) { return !good[rules_[r]]; };
  for (State &state : states_) {
    std::erase_if(state.edges, [&](const Edge &e) { return !good[e.to]; });
    std::erase_if(state.empty, [&](StateId to) { return !good[to]; });
    std::erase_if(state.calls, [&](const Call &c) { return !good[c.to] || bad_rule(c.rule); });
    auto &r = state.repeat;
    if (r && (!good[r->to] || (bad_rule(r->rule) && r->least > 0))) r.reset();
    if (r && bad_rule(r->rule)) r->most = 0;
  }
  std::vector<bool> has_text;
  for (const StateId start : rules_) has_text.push_back(good[start]);
  return has_text;
}

}  // namespace kvern::constraint
