// An automaton that compares digits with those of the bounds as they come, and counts the remainder of what they amount to.
#include "runtime/constraint/numbers.hpp"

#include <algorithm>
#include <compare>
#include <map>

namespace kvern::constraint {
namespace {

constexpr size_t kDigits = 15;

enum class Phase { begin, zero, whole, fraction };

struct Position {
  Phase phase = Phase::begin;
  size_t digits = 0;      ///< of the whole part, or of the fraction
  int low = 0, high = 0;  ///< the digits so far against as many of the bound's: -1, 0, 1
  int64_t remainder = 0;
  auto operator<=>(const Position &) const = default;
};

int order(char a, char b) { return (a > b) - (a < b); }

/// Numbers of 0 or more between two bounds of 0 or more.
class Magnitudes {
 public:
  Magnitudes(NumberBound low, std::optional<NumberBound> high, const NumberRange &range)
      : low_(std::move(low)),
        high_(std::move(high)),
        integers_(range.integers),
        multiple_of_(range.multiple_of) {
    const size_t of_low = low_.value.whole.size();
    max_whole_ = high_       ? high_->value.whole.size()
                 : integers_ ? std::max(kDigits, of_low)
                             : std::max<size_t>(8, of_low + 2);
    max_fraction_ = max_whole_ < kDigits ? kDigits - max_whole_ : 1;
    max_fraction_ = std::max(
        {max_fraction_, low_.value.fraction.size() + 1, high_ ? high_->value.fraction.size() + 1 : 0});
    if (integers_) max_fraction_ = 0;
  }

  void add(Grammar &grammar, Grammar::StateId from, Grammar::StateId to) const {
    std::map<Position, Grammar::StateId> states{{Position(), from}};
    std::vector<Position> open{Position()};
    while (!open.empty()) {
      const Position at = open.back();
      open.pop_back();
      const Grammar::StateId state = states.at(at);
      if (accepts(at)) grammar.add_empty(state, to);
      for (const char c : std::string_view(".0123456789")) {
        const auto next = step(at, c);
        if (!next) continue;
        const auto [found, is_new] = states.emplace(*next, 0);
        if (is_new) found->second = grammar.add_state(), open.push_back(*next);
        grammar.add_bytes(state, {static_cast<uint8_t>(c), static_cast<uint8_t>(c)}, found->second);
      }
    }
  }

 private:
  static int compare_digit(int before, const std::string &digits, size_t i, char c) {
    return before != 0 ? before : order(c, i < digits.size() ? digits[i] : '0');
  }
  /// The whole part against that of a bound, when it has ended.
  static int ended_whole(int so_far, size_t digits, const Decimal &bound) {
    return digits != bound.whole.size() ? (digits < bound.whole.size() ? -1 : 1) : so_far;
  }

  std::optional<Position> step(const Position &at, char c) const {
    if (c == '.') return point(at);
    const bool fraction = at.phase == Phase::fraction;
    if (at.phase == Phase::zero || at.digits == (fraction ? max_fraction_ : max_whole_)) return {};
    Position next = at;
    next.low = compare_digit(at.low, fraction ? low_.value.fraction : low_.value.whole, at.digits, c);
    if (high_)
      next.high = compare_digit(at.high, fraction ? high_->value.fraction : high_->value.whole, at.digits, c);
    ++next.digits;
    if (integers_) next.remainder = (at.remainder * 10 + (c - '0')) % multiple_of_;
    if (at.phase == Phase::begin) next.phase = c == '0' ? Phase::zero : Phase::whole;
    return next;
  }

  std::optional<Position> point(const Position &at) const {
    if (integers_ || (at.phase != Phase::zero && at.phase != Phase::whole)) return {};
    Position next{Phase::fraction, 0, ended_whole(at.low, at.digits, low_.value), 0, 0};
    if (high_) next.high = ended_whole(at.high, at.digits, high_->value);
    return next;
  }

  /// The whole number, if it ends here, against a bound.
  static int ended(const Position &at, int so_far, const Decimal &bound) {
    const size_t fraction = at.phase == Phase::fraction ? at.digits : 0;
    const int order = at.phase == Phase::fraction ? so_far : ended_whole(so_far, at.digits, bound);
    return order != 0 ? order : fraction < bound.fraction.size() ? -1 : 0;
  }

  bool accepts(const Position &at) const {
    if (at.phase == Phase::begin || (at.phase == Phase::fraction && at.digits == 0) || at.remainder != 0)
      return false;
    const int low = ended(at, at.low, low_.value);
    if (low < 0 || (low == 0 && low_.exclusive)) return false;
    if (!high_) return true;
    const int high = ended(at, at.high, high_->value);
    return high < 0 || (high == 0 && !high_->exclusive);
  }

  NumberBound low_;
  std::optional<NumberBound> high_;
  bool integers_;
  int64_t multiple_of_;
  size_t max_whole_ = 0, max_fraction_ = 0;
};

/// Digits and, if it may be, a fraction and an exponent.
void add_unbounded(Grammar &grammar, Grammar::StateId from, Grammar::StateId to) {
  const auto sign = grammar.add_state();
  grammar.add_empty(from, sign);
  grammar.add_bytes(from, {'-', '-'}, sign);
  const auto whole = grammar.add_state(), fraction = grammar.add_state(), exponent = grammar.add_state();
  grammar.add_bytes(from, {'0', '0'}, whole);
  auto at = sign;
  for (size_t i = 0; i < kDigits; ++i) {
    const auto next = grammar.add_state();
    grammar.add_bytes(at, {i == 0 ? uint8_t{'1'} : uint8_t{'0'}, '9'}, next);
    grammar.add_empty(next, whole);
    at = next;
  }
  grammar.add_empty(whole, to);
  std::vector<Grammar::StateId> digits_behind{grammar.add_literal(whole, ".")};  // the point
  for (size_t i = 0; i < kDigits; ++i) {
    digits_behind.push_back(grammar.add_state());
    grammar.add_bytes(digits_behind[i], {'0', '9'}, digits_behind[i + 1]);
    grammar.add_empty(digits_behind[i + 1], fraction);
  }
  auto zeros = grammar.add_literal(sign, "0.");  // a sign before 0 needs a digit behind it that is not 0
  for (size_t i = 0; i < kDigits; ++i) {
    grammar.add_bytes(zeros, {'1', '9'}, digits_behind[i + 1]);
    const auto next = grammar.add_state();
    grammar.add_bytes(zeros, {'0', '0'}, next);
    zeros = next;
  }
  grammar.add_empty(fraction, to);
  grammar.add_bytes(whole, {'e', 'e'}, exponent);
  grammar.add_bytes(fraction, {'e', 'e'}, exponent);
  const auto behind_sign = grammar.add_state();
  grammar.add_empty(exponent, behind_sign);
  grammar.add_bytes(exponent, {'-', '-'}, behind_sign);
  grammar.add_bytes(exponent, {'+', '+'}, behind_sign);
  const auto one_digit = grammar.add_state();
  grammar.add_bytes(behind_sign, {'1', '9'}, one_digit);
  grammar.add_empty(one_digit, to);
  grammar.add_bytes(one_digit, {'0', '9'}, to);
}

const Decimal kZero;

}  // namespace

void NumberRange::raise_low(const NumberBound &bound) {
  const int order = low ? compare(bound.value, low->value) : 1;
  if (order > 0 || (order == 0 && bound.exclusive)) low = bound;
}

void NumberRange::lower_high(const NumberBound &bound) {
  const int order = high ? compare(bound.value, high->value) : -1;
  if (order < 0 || (order == 0 && bound.exclusive)) high = bound;
}

bool NumberRange::contains(const Decimal &value) const {
  const int below = low ? compare(value, low->value) : 1, above = high ? compare(value, high->value) : -1;
  return (below > 0 || (below == 0 && !low->exclusive)) && (above < 0 || (above == 0 && !high->exclusive));
}

bool disjoint(const NumberRange &a, const NumberRange &b) {
  const auto ends_before = [](const NumberRange &x, const NumberRange &y) {
    if (!x.high || !y.low) return false;
    const int order = compare(x.high->value, y.low->value);
    return order < 0 || (order == 0 && (x.high->exclusive || y.low->exclusive));
  };
  return ends_before(a, b) || ends_before(b, a);
}

void add_numbers(Grammar &grammar, Grammar::StateId from, const NumberRange &range, Grammar::StateId to) {
  if (!range.low && !range.high && !range.integers) return add_unbounded(grammar, from, to);
  const bool negatives = !range.low || range.low->value.negative,
             positives = !range.high || !range.high->value.negative;
  if (positives) {
    const bool from_zero = negatives || !range.low;
    const auto start = grammar.add_state();
    grammar.add_empty(from, start);
    Magnitudes(from_zero ? NumberBound{} : *range.low, range.high, range).add(grammar, start, to);
  }
  if (!negatives) return;
  // the magnitudes of what is below 0, the bounds changed about
  const bool to_zero = !range.high || !range.high->value.negative;
  const NumberBound low =
      to_zero ? NumberBound{kZero, true} : NumberBound{range.high->value.magnitude(), range.high->exclusive};
  std::optional<NumberBound> high;
  if (range.low) high = NumberBound{range.low->value.magnitude(), range.low->exclusive};
  Magnitudes(low, high, range).add(grammar, grammar.add_literal(from, "-"), to);
}

}  // namespace kvern::constraint
