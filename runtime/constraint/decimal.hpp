// Decimal numbers as they are written, compared without rounding.
#pragma once
#include <string>
#include <string_view>

namespace kvern::constraint {

struct Decimal {
  bool negative = false;
  std::string whole = "0";  ///< digits without leading zeros
  std::string fraction;     ///< digits without trailing zeros

  bool is_zero() const { return whole == "0" && fraction.empty(); }
  bool is_integer() const { return fraction.empty(); }
  Decimal magnitude() const { return {false, whole, fraction}; }
};

/// A number as JSON writes it. Exponents beyond 300 are cut there.
Decimal parse_decimal(std::string_view json);

/// Below 0, 0 or above 0, as a is less than, equal to or more than b.
int compare(const Decimal &a, const Decimal &b);

}  // namespace kvern::constraint
