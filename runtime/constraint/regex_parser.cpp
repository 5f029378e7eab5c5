#include "runtime/constraint/regex_parser.hpp"

#include <kvern/error.hpp>
#include <utility>

#include "runtime/constraint/regex_class.hpp"
#include "runtime/constraint/regex_reader.hpp"

namespace kvern::constraint {
namespace {

using Kind = RegexNode::Kind;

constexpr int kMaxGroupDepth = 200;
constexpr int64_t kMaxCount = 10000;

class Parser {
 public:
  explicit Parser(RegexReader &in) : in_(in) {}

  RegexNode run() {
    RegexNode node = choice(0);
    if (!in_.at_end()) in_.fail("a ')' without its '('");
    return node;
  }

 private:
  RegexNode choice(int depth) {
    if (depth > kMaxGroupDepth) in_.fail("groups are nested too deep");
    RegexNode node{Kind::choice};
    const bool outer = ignore_case_;
    node.parts.push_back(sequence(depth));
    while (in_.take('|')) node.parts.push_back(sequence(depth));
    ignore_case_ = outer;
    return node.parts.size() == 1 ? std::move(node.parts.front()) : node;
  }

  RegexNode sequence(int depth) {
    RegexNode node{Kind::sequence};
    while (!in_.at_end() && in_.peek() != '|' && in_.peek() != ')') {
      if (in_.take("(?i)")) {
        if (depth > 0 || !node.parts.empty())
          in_.fail("(?i) is understood at the beginning only; write (?i:...)");
        ignore_case_ = true;
        continue;
      }
      node.parts.push_back(quantified(atom(depth)));
    }
    return node;
  }

  RegexNode atom(int depth) {
    if (in_.take('(')) return group(depth);
    if (in_.take('^') || in_.take("\\A")) return {Kind::text_begin};
    if (in_.take('$') || in_.take("\\Z") || in_.take("\\z")) return {Kind::text_end};
    if (in_.peek() == '*' || in_.peek() == '+' || in_.peek() == '?') in_.fail("nothing to repeat");
    const CharSet chars = read_class_or_char(in_);
    return {Kind::chars, ignore_case_ ? with_both_cases(chars) : chars};
  }

  RegexNode group(int depth) {
    const bool outer = ignore_case_;
    if (in_.take("?i:"))
      ignore_case_ = true;
    else if (in_.take("?P<") || (in_.starts_with("?<") && !in_.starts_with("?<=") && !in_.starts_with("?<!")))
      group_name();
    else if (!in_.take("?:") && in_.peek() == '?')
      in_.fail(
          "look-around, flags and conditions in groups are not supported: no automaton of this kind can "
          "follow them; write it without");
    RegexNode node = choice(depth + 1);
    if (!in_.take(')')) in_.fail("a ')' is missing");
    ignore_case_ = outer;
    return node;
  }

  void group_name() {
    in_.take("?<");
    while (!in_.at_end() && in_.peek() != '>') in_.next();
    if (!in_.take('>')) in_.fail("the name of a group has no end");
  }

  RegexNode quantified(RegexNode node) {
    for (bool first = true;; first = false) {
      std::optional<std::pair<int64_t, std::optional<int64_t>>> count;
      if (in_.take('*'))
        count = {0, std::nullopt};
      else if (in_.take('+'))
        count = {1, std::nullopt};
      else if (in_.take('?'))
        count = {0, 1};
      else if (in_.peek() == '{')
        count = braces();
      if (!count) return node;
      if (!first) in_.fail("a quantifier behind a quantifier; put the first one in a group");
      if (in_.peek() == '+') in_.fail("possessive quantifiers are not supported; take the '+' away");
      in_.take('?');  // lazy: the same texts
      RegexNode repeat{Kind::repeat, {}, {}, count->first, count->second};
      repeat.parts.push_back(std::move(node));
      node = std::move(repeat);
    }
  }

  /// {n}, {n,}, {n,m}, {,m}; nullopt: literal braces.
  std::optional<std::pair<int64_t, std::optional<int64_t>>> braces() {
    const size_t begin = in_.position();
    in_.take('{');
    const auto least = in_.number(kMaxCount);
    const bool comma = in_.take(',');
    const auto most = comma ? in_.number(kMaxCount) : least;
    if ((!least && !most) || !in_.take('}')) {
      in_.seek(begin);
      return {};
    }
    if (most && *most < least.value_or(0)) in_.fail("a repetition that ends below its beginning");
    return std::pair{least.value_or(0), most};
  }

  RegexReader &in_;
  bool ignore_case_ = false;
};

}  // namespace

RegexNode parse_regex(std::string_view pattern, std::string_view place) {
  RegexReader in(pattern, place);
  return Parser(in).run();
}

}  // namespace kvern::constraint
