#include "runtime/constraint/numbers.hpp"

#include <random>

#include "runtime/constraint/testing/written.hpp"
#include "tests/support/test.hpp"

using namespace kvern::constraint;
using kvern::test::accepts;
using kvern::test::written;

namespace {

ByteMachine machine_of(const NumberRange &range) {
  Grammar grammar;
  const auto rule = grammar.add_rule();
  const auto end = grammar.add_state();
  grammar.set_returns(end);
  add_numbers(grammar, grammar.start_of(rule), range, end);
  grammar.prune();
  return ByteMachine(std::move(grammar), rule);
}

std::string random_number(std::mt19937 &random) {
  const char *const signs[] = {"", "-"}, *const fractions[] = {"", ".5", ".25", ".125", ".75", ".0625"};
  const std::string whole = std::to_string(random() % (random() % 2 == 0 ? 20 : 2000));
  return signs[random() % 2] + whole + fractions[random() % 6];
}

}  // namespace

TEST_CASE("Decimals are compared as numbers, however they are written") {
  CHECK(compare(parse_decimal("1e2"), parse_decimal("100.0")) == 0);
  CHECK(compare(parse_decimal("-0.5"), parse_decimal("0")) < 0);
  CHECK(compare(parse_decimal("-2"), parse_decimal("-10")) > 0);
  CHECK(compare(parse_decimal("0.1"), parse_decimal("0.09")) > 0);
  CHECK(compare(parse_decimal("1.5e-3"), parse_decimal("0.0015")) == 0);
  CHECK(parse_decimal("-0.0").is_zero());
  CHECK_FALSE(parse_decimal("-0.0").negative);
}

TEST_CASE("A range accepts the numbers within its bounds, by a comparison of doubles") {
  std::mt19937 random(4);
  for (int round = 0; round < 150; ++round) {
    NumberRange range;
    const std::string low = random_number(random), high = random_number(random);
    const bool has_low = random() % 4 != 0, has_high = random() % 4 != 0;
    const bool low_out = random() % 2 == 0, high_out = random() % 2 == 0;
    if (has_low) range.low = NumberBound{parse_decimal(low), low_out};
    if (has_high) range.high = NumberBound{parse_decimal(high), high_out};
    range.integers = random() % 3 == 0;
    if (range.integers && random() % 2 == 0) range.multiple_of = 1 + static_cast<int64_t>(random() % 12);
    auto machine = machine_of(range);
    for (int i = 0; i < 30; ++i) {
      const std::string text = i == 0 ? low : i == 1 ? high : random_number(random);
      const double x = std::stod(text), a = std::stod(low), b = std::stod(high);
      bool good = !(has_low && (low_out ? x <= a : x < a)) && !(has_high && (high_out ? x >= b : x > b));
      if (range.integers)
        good =
            good && text.find('.') == std::string::npos && static_cast<int64_t>(x) % range.multiple_of == 0;
      INFO(text << " in " << (has_low ? low : "") << " to " << (has_high ? high : "") << low_out << high_out
                << range.integers);
      CHECK(accepts(machine, text) == (good && text != "-0"));
    }
    for (int i = 0; i < 5; ++i)
      if (const auto text = written(machine, random, 40)) CHECK(range.contains(parse_decimal(*text)));
  }
}

TEST_CASE("Ranges that touch in an excluded bound are disjoint") {
  const auto range = [](const char *low, const char *high, bool out) {
    return NumberRange{NumberBound{parse_decimal(low), false}, NumberBound{parse_decimal(high), out}};
  };
  CHECK(disjoint(range("0", "1", true), range("1", "2", false)));
  CHECK_FALSE(disjoint(range("0", "1", false), range("1", "2", false)));
  CHECK(disjoint(range("3", "4", false), range("1", "2", false)));
}
