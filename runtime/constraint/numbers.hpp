// The numbers of a range, as JSON writes them.
#pragma once
#include <optional>

#include "runtime/constraint/decimal.hpp"
#include "runtime/constraint/grammar.hpp"

namespace kvern::constraint {

struct NumberBound {
  Decimal value;
  bool exclusive = false;
};

struct NumberRange {
  std::optional<NumberBound> low, high;
  bool integers = false;
  int64_t multiple_of = 1;  ///< of integers

  void raise_low(const NumberBound &bound);
  void lower_high(const NumberBound &bound);
  bool contains(const Decimal &value) const;
};

/// No number lies in both.
bool disjoint(const NumberRange &a, const NumberRange &b);

/// At most 15 digits (more where a bound has more), so that doubles tell all of them apart; exponents only where nothing bounds the
/// number.
void add_numbers(Grammar &grammar, Grammar::StateId from, const NumberRange &range, Grammar::StateId to);

}  // namespace kvern::constraint
