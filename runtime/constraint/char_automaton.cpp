#include "runtime/constraint/char_automaton.hpp"

#include <algorithm>
#include <functional>
#include <kvern/error.hpp>
#include <map>
#include <string>

#include "runtime/tokenizer/text/utf8.hpp"

namespace kvern::constraint {
namespace {

using States = std::vector<uint32_t>;

/// Numbers for keys, in the order in which they are first met.
template <class Key>
class Numbered {
 public:
  explicit Numbered(std::string_view place) : place_(place) {}
  uint32_t operator()(const Key &key) {
    const auto [found, is_new] = numbers_.emplace(key, static_cast<uint32_t>(keys_.size()));
    if (is_new) keys_.push_back(&found->first);
    check_automaton_size(keys_.size(), 0, place_);
    return found->second;
  }
  size_t size() const { return keys_.size(); }
  const Key &key(size_t number) const { return *keys_[number]; }

 private:
  std::string_view place_;
  std::map<Key, uint32_t> numbers_;
  std::vector<const Key *> keys_;
};

std::vector<bool> reached(const CharAutomaton &a) {
  std::vector<bool> seen(a.states.size(), false);
  States open{0};
  seen[0] = true;
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    for (const auto &edge : a.states[state].edges)
      if (!edge.chars.empty() && !seen[edge.to]) seen[edge.to] = true, open.push_back(edge.to);
  }
  return seen;
}

std::vector<bool> reaches_end(const CharAutomaton &a) {
  std::vector<States> before(a.states.size());
  std::vector<bool> good(a.states.size(), false);
  States open;
  for (uint32_t s = 0; s < a.states.size(); ++s) {
    for (const auto &edge : a.states[s].edges)
      if (!edge.chars.empty()) before[edge.to].push_back(s);
    if (a.states[s].accepts) good[s] = true, open.push_back(s);
  }
  while (!open.empty()) {
    const uint32_t state = open.back();
    open.pop_back();
    for (const uint32_t s : before[state])
      if (!good[s]) good[s] = true, open.push_back(s);
  }
  return good;
}

/// Borders between which no edge of these states tells characters apart.
std::vector<char32_t> borders(const CharAutomaton &a, const States &states) {
  std::vector<char32_t> list{0};
  for (const uint32_t s : states)
    for (const auto &edge : a.states[s].edges)
      for (const auto &[first, last] : edge.chars.ranges()) {
        list.push_back(first);
        if (last < kLastChar) list.push_back(last + 1);
      }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

States after(const CharAutomaton &a, const States &states, char32_t c) {
  States next;
  for (const uint32_t s : states)
    for (const auto &edge : a.states[s].edges)
      if (edge.chars.contains(c)) next.push_back(edge.to);
  std::sort(next.begin(), next.end());
  next.erase(std::unique(next.begin(), next.end()), next.end());
  return next;
}

}  // namespace

void check_automaton_size(size_t states, size_t edges, std::string_view place) {
  if (states > kMaxStates || edges > kMaxEdges)
    throw Error(ErrorKind::config, std::string(place) + ": takes an automaton of more than " +
                                       std::to_string(kMaxStates) + " states or " +
                                       std::to_string(kMaxEdges) +
                                       " edges; use smaller counts or a simpler pattern");
}

bool CharAutomaton::matches(std::string_view utf8) const {
  if (states.empty()) return false;
  States now{0};
  for (size_t at = 0; at < utf8.size();) now = after(*this, now, tokenizer::next_char(utf8, at));
  return std::any_of(now.begin(), now.end(), [&](uint32_t s) { return states[s].accepts; });
}

CharAutomaton trimmed(const CharAutomaton &a) {
  if (a.states.empty()) return a;
  const auto from_start = reached(a), to_end = reaches_end(a);
  if (!to_end[0]) return {};
  std::vector<uint32_t> number(a.states.size(), 0);
  uint32_t n = 0;
  for (size_t s = 0; s < a.states.size(); ++s)
    if (from_start[s] && to_end[s]) number[s] = n++;
  CharAutomaton result;
  for (size_t s = 0; s < a.states.size(); ++s) {
    if (!from_start[s] || !to_end[s]) continue;
    result.states.push_back({{}, a.states[s].accepts});
    for (const auto &edge : a.states[s].edges)
      if (to_end[edge.to] && !edge.chars.empty())
        result.states.back().edges.push_back({edge.chars, number[edge.to]});
  }
  return result;
}

CharAutomaton intersection(const CharAutomaton &a, const CharAutomaton &b, std::string_view place) {
  if (a.states.empty() || b.states.empty()) return {};
  Numbered<std::pair<uint32_t, uint32_t>> number(place);
  number({0, 0});
  CharAutomaton result;
  size_t edges = 0;
  for (size_t i = 0; i < number.size(); ++i) {
    const auto [x, y] = number.key(i);
    CharAutomaton::State state{{}, a.states[x].accepts && b.states[y].accepts};
    for (const auto &of_a : a.states[x].edges)
      for (const auto &of_b : b.states[y].edges) {
        CharSet both = of_a.chars & of_b.chars;
        if (!both.empty()) state.edges.push_back({std::move(both), number({of_a.to, of_b.to})});
      }
    check_automaton_size(0, edges += state.edges.size(), place);
    result.states.push_back(std::move(state));
  }
  return trimmed(result);
}

CharAutomaton complement(const CharAutomaton &a, std::string_view place) {
  Numbered<States> number(place);
  number(a.states.empty() ? States{} : States{0});
  CharAutomaton result;
  for (size_t i = 0; i < number.size(); ++i) {
    const States states = number.key(i);
    const bool accepts =
        std::any_of(states.begin(), states.end(), [&](uint32_t s) { return a.states[s].accepts; });
    CharAutomaton::State state{{}, !accepts};
    const auto cuts = borders(a, states);
    std::map<uint32_t, CharSet> by_target;
    for (size_t c = 0; c < cuts.size(); ++c) {
      const char32_t last = c + 1 < cuts.size() ? cuts[c + 1] - 1 : kLastChar;
      by_target[number(after(a, states, cuts[c]))] |= CharSet::of(cuts[c], last);
    }
    for (auto &[to, chars] : by_target) state.edges.push_back({std::move(chars), to});
    result.states.push_back(std::move(state));
  }
  return trimmed(result);
}

CharAutomaton of_length(const CharSet &chars, int64_t least, std::optional<int64_t> most,
                        std::string_view place) {
  if (most && *most < least) return {};
  const auto n = static_cast<size_t>(most.value_or(least));
  check_automaton_size(n, 0, place);
  CharAutomaton result;
  for (size_t i = 0; i <= n; ++i) {
    result.states.push_back({{}, static_cast<int64_t>(i) >= least});
    if (i < n) result.states.back().edges.push_back({chars, static_cast<uint32_t>(i + 1)});
  }
  if (!most) result.states.back().edges.push_back({chars, static_cast<uint32_t>(n)});
  return result;
}

CharAutomaton one_of_texts(const std::vector<std::string_view> &texts) {
  CharAutomaton result{{{}}};
  for (const std::string_view text : texts) {
    uint32_t state = 0;
    for (size_t at = 0; at < text.size();) {
      const CharSet chars = CharSet::of(tokenizer::next_char(text, at));
      const auto &edges = result.states[state].edges;
      const auto found =
          std::find_if(edges.begin(), edges.end(), [&](const auto &e) { return e.chars == chars; });
      if (found != edges.end()) {
        state = found->to;
        continue;
      }
      const auto to = static_cast<uint32_t>(result.states.size());
      result.states[state].edges.push_back({chars, to});
      result.states.push_back({});
      state = to;
    }
    result.states[state].accepts = true;
  }
  return texts.empty() ? CharAutomaton{} : result;
}

}  // namespace kvern::constraint
