// Python's format specifications ([[fill]align][sign][#][0][width][,][.precision][type]) of values.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "runtime/templates/runtime.hpp"

namespace kvern::templates {

struct FormatSpec {
  char32_t fill = ' ';
  char align = 0;  ///< '<', '>', '^', '='; 0: as the type has it
  char sign = '-';
  bool alternate = false;
  int64_t width = 0;
  char grouping = 0;  ///< ',' or '_'
  std::optional<int64_t> precision;
  char type = 0;
};

/// Fails with "Invalid format specifier ...".
FormatSpec parse_format_spec(std::string_view text, const std::string &type_name);

/// format(value, spec)
std::string format_value(Runtime &runtime, const Value &value, std::string_view spec);

/// The digits of a float by %-style conversion ('e', 'f', 'g', ...; with `alternate`).
std::string format_float(double value, char type, int64_t precision, bool alternate);
std::string format_integer_digits(uint64_t magnitude, char type);
/// "-", or what the format asks for in front of other numbers.
std::string sign_of(bool negative, char sign);
/// A number in the field's width: where align is '=', what fills it stands behind sign and prefix ("0x"); zeros that fill are
/// separated like digits.
std::string finish_number(Runtime &runtime, const std::string &sign, const std::string &prefix,
                          std::string digits, const FormatSpec &spec);
/// `text` within `width`, cut to nothing; the sign of a number stays in front where align is '='.
std::string pad(Runtime &runtime, std::string text, const FormatSpec &spec, char default_align);

}  // namespace kvern::templates
