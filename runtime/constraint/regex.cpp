// Thompson's construction with assertions as edges of their own; then the empty steps are taken out. `^` holds before the first
// character and `$` behind the last, so they are passed in the start state and in accepting states only.
#include "runtime/constraint/regex.hpp"

#include "runtime/constraint/regex_parser.hpp"

namespace kvern::constraint {
namespace {

using Kind = RegexNode::Kind;

class Thompson {
 public:
  explicit Thompson(std::string_view place) : place_(place) {}

  CharAutomaton build(const RegexNode &node, RegexMatch match) {
    const uint32_t start = add_state(), end = add_state();
    if (match == RegexMatch::whole) {
      connect(node, start, end);
    } else {
      const uint32_t first = add_state(), last = add_state();
      any_text(start, first);
      connect(node, first, last);
      any_text(last, end);
    }
    return without_empty_steps(start, end);
  }

 private:
  struct State {
    std::vector<CharAutomaton::Edge> chars;
    std::vector<uint32_t> empty, at_begin, at_end;
  };

  uint32_t add_state() {
    states_.emplace_back();
    check_automaton_size(states_.size(), 0, place_);
    return static_cast<uint32_t>(states_.size() - 1);
  }

  void any_text(uint32_t from, uint32_t to) {
    states_[from].chars.push_back({CharSet::any(), from});
    states_[from].empty.push_back(to);
  }

  void connect(const RegexNode &node, uint32_t from, uint32_t to) {
    switch (node.kind) {
      case Kind::chars:
        states_[from].chars.push_back({node.chars, to});
        return;
      case Kind::text_begin:
        states_[from].at_begin.push_back(to);
        return;
      case Kind::text_end:
        states_[from].at_end.push_back(to);
        return;
      case Kind::choice:
        for (const RegexNode &part : node.parts) connect(part, from, to);
        return;
      case Kind::sequence:
        for (const RegexNode &part : node.parts) {
          const uint32_t next = add_state();
          connect(part, from, next);
          from = next;
        }
        states_[from].empty.push_back(to);
        return;
      case Kind::repeat:
        return connect_repeat(node, from, to);
    }
  }

  void connect_repeat(const RegexNode &node, uint32_t from, uint32_t to) {
    const RegexNode &part = node.parts.front();
    const auto step = [&] {
      const uint32_t next = add_state();
      connect(part, from, next);
      from = next;
    };
    for (int64_t i = 0; i < node.least; ++i) step();
    if (!node.most) {
      const uint32_t loop = add_state(), behind = add_state();
      states_[from].empty.push_back(loop);
      connect(part, loop, behind);
      states_[behind].empty.push_back(loop);
      states_[loop].empty.push_back(to);
      return;
    }
    for (int64_t i = node.least; i < *node.most; ++i) {
      states_[from].empty.push_back(to);
      step();
    }
    states_[from].empty.push_back(to);
  }

  /// What is reached from a state without a character.
  std::vector<uint32_t> closure(uint32_t state, bool begin, bool end) {
    std::vector<uint32_t> list{state};
    ++mark_;
    marks_.resize(states_.size(), 0);
    marks_[state] = mark_;
    const auto follow = [&](const std::vector<uint32_t> &to) {
      for (const uint32_t s : to)
        if (marks_[s] != mark_) marks_[s] = mark_, list.push_back(s);
    };
    for (size_t i = 0; i < list.size(); ++i) {
      follow(states_[list[i]].empty);
      if (begin) follow(states_[list[i]].at_begin);
      if (end) follow(states_[list[i]].at_end);
    }
    return list;
  }

  bool accepts(uint32_t state, bool begin, uint32_t end) {
    for (const uint32_t s : closure(state, begin, true))
      if (s == end) return true;
    return false;
  }

  CharAutomaton without_empty_steps(uint32_t start, uint32_t end) {
    CharAutomaton result;
    size_t edges = 0;
    std::vector<uint32_t> number(states_.size(), 0), open{start};
    const auto number_of = [&](uint32_t state) {
      if (number[state] == 0) {
        open.push_back(state);
        number[state] = static_cast<uint32_t>(open.size() - 1);
      }
      return number[state];
    };
    for (size_t i = 0; i < open.size(); ++i) {  // the start is not numbered: it is entered once
      const bool begin = i == 0;
      CharAutomaton::State state{{}, accepts(open[i], begin, end)};
      for (const uint32_t s : closure(open[i], begin, false))
        for (const auto &edge : states_[s].chars) state.edges.push_back({edge.chars, number_of(edge.to)});
      check_automaton_size(0, edges += state.edges.size(), place_);
      result.states.push_back(std::move(state));
    }
    return trimmed(result);
  }

  std::string_view place_;
  std::vector<State> states_;
  std::vector<uint32_t> marks_;
  uint32_t mark_ = 0;
};

}  // namespace

CharAutomaton regex_automaton(std::string_view pattern, RegexMatch match, std::string_view place) {
  return Thompson(place).build(parse_regex(pattern, place), match);
}

}  // namespace kvern::constraint
