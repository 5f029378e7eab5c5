#include "runtime/constraint/decimal.hpp"

#include <algorithm>

namespace kvern::constraint {
namespace {

int sign(int x) { return (x > 0) - (x < 0); }

int compare_magnitudes(const Decimal &a, const Decimal &b) {
  if (a.whole.size() != b.whole.size()) return a.whole.size() < b.whole.size() ? -1 : 1;
  const int wholes = a.whole.compare(b.whole);
  return wholes != 0 ? sign(wholes) : sign(a.fraction.compare(b.fraction));  // no trailing zeros: "1" < "12"
}

/// -300 to 300; what does not fit is cut.
int exponent_of(std::string_view text) {
  int value = 0;
  const bool negative = text.starts_with('-');
  for (const char c : text)
    if (c >= '0' && c <= '9') value = std::min(300, value * 10 + (c - '0'));
  return negative ? -value : value;
}

}  // namespace

Decimal parse_decimal(std::string_view json) {
  Decimal d;
  d.negative = json.starts_with('-');
  if (d.negative) json.remove_prefix(1);
  const size_t e = json.find_first_of("eE");
  const int exponent = e == std::string_view::npos ? 0 : exponent_of(json.substr(e + 1));
  const std::string_view mantissa = json.substr(0, e);
  const size_t point = std::min(mantissa.find('.'), mantissa.size());
  std::string digits(mantissa.substr(0, point));
  if (point < mantissa.size()) digits += mantissa.substr(point + 1);
  int before_point = static_cast<int>(point) + exponent;
  if (before_point < 0) digits.insert(0, static_cast<size_t>(-before_point), '0'), before_point = 0;
  if (static_cast<size_t>(before_point) > digits.size())
    digits.resize(static_cast<size_t>(before_point), '0');
  d.whole = digits.substr(0, static_cast<size_t>(before_point));
  d.fraction = digits.substr(static_cast<size_t>(before_point));
  d.whole.erase(0, std::min(d.whole.find_first_not_of('0'), d.whole.size()));
  if (d.whole.empty()) d.whole.push_back('0');
  d.fraction.erase(d.fraction.find_last_not_of('0') + 1);
  if (d.is_zero()) d.negative = false;
  return d;
}

int compare(const Decimal &a, const Decimal &b) {
  if (a.negative != b.negative) return a.negative ? -1 : 1;
  return a.negative ? compare_magnitudes(b, a) : compare_magnitudes(a, b);
}

}  // namespace kvern::constraint
