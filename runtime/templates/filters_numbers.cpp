// Filters that make numbers, and write them.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "runtime/templates/arguments.hpp"
#include "runtime/templates/arithmetic.hpp"
#include "runtime/templates/iterate.hpp"
#include "runtime/templates/parse_number.hpp"
#include "runtime/templates/registry.hpp"
#include "runtime/templates/attributes.hpp"
#include "runtime/templates/repr.hpp"

namespace kvern::templates {
namespace {

std::optional<int64_t> truncated(double value) {
  if (!(std::fabs(value) < 9.2e18)) return std::nullopt;
  return static_cast<int64_t>(value);
}

Value to_int(Runtime &, const Value &value, const Arguments &arguments) {
  const Parameters parameters("int", arguments, {"default", "base"});
  require_defined(value);
  const Value otherwise = parameters.has(0) ? parameters[0] : Value(0);
  if (value.is_integral()) return Value(value.as_int());
  std::optional<double> number;
  if (value.is_text()) {
    if (const auto integer = parse_integer(value.str(), parameters.integer(1, 10))) return Value(*integer);
    number = parse_float(value.str());
  } else if (value.is_float()) {
    number = value.as_double();
  }
  if (!number || std::isnan(*number) || (std::isinf(*number) && value.is_text())) return otherwise;
  const auto integer = truncated(*number);
  if (!integer) fail(Failure::Kind::overflow, "an integer of more than 64 bits");
  return Value(*integer);
}

Value to_float(Runtime &, const Value &value, const Arguments &arguments) {
  const Parameters parameters("float", arguments, {"default"});
  require_defined(value);
  if (value.is_number()) return Value(value.as_double());
  const auto number = value.is_text() ? parse_float(value.str()) : std::nullopt;
  return number ? Value(*number) : parameters.has(0) ? parameters[0] : Value(0.0);
}

Value absolute(Runtime &, const Value &value, const Arguments &arguments) {
  take_no_arguments("abs", arguments);
  require_defined(value);
  if (!value.is_number()) type_error("bad operand type for abs(): '" + value.type_name() + "'");
  if (value.is_float()) return Value(std::fabs(value.as_double()));
  return value.as_int() < 0 ? apply_sign("-", value) : Value(value.as_int());
}

/// Half to even of the exact value, as Python rounds.
Value round_half_even(const Value &value, int64_t precision) {
  if (value.is_integral() && precision >= 0) return Value(value.as_int());
  const double number = value.as_double();
  if (!std::isfinite(number) || precision > 300) return value;
  double rounded;
  if (precision >= 0) {
    char text[700];
    std::snprintf(text, sizeof text, "%.*f", static_cast<int>(precision), number);
    rounded = std::strtod(text, nullptr);
  } else {
    const double unit = std::pow(10.0, static_cast<double>(-precision));
    rounded = std::nearbyint(number / unit) * unit;
  }
  return value.is_integral() ? Value(static_cast<int64_t>(rounded)) : Value(rounded);
}

Value rounded(Runtime &, const Value &value, const Arguments &arguments) {
  const Parameters parameters("round", arguments, {"precision", "method"});
  require_defined(value);
  const int64_t precision = parameters.integer(0, 0);
  const std::string method = parameters.has(1) ? parameters.text(1) : "common";
  if (method != "common" && method != "ceil" && method != "floor")
    fail(Failure::Kind::other, "method must be common, ceil or floor");
  if (!value.is_number()) type_error("type " + value.type_name() + " doesn't define __round__ method");
  if (method == "common") return round_half_even(value, precision);
  const double unit = std::pow(10.0, static_cast<double>(precision)), scaled = value.as_double() * unit;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

Value file_size(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("filesizeformat", arguments, {"binary"});
  const bool binary = parameters.flag(runtime, 0, false);
  const auto parsed = value.is_text()     ? parse_float(value.str())
                      : value.is_number() ? std::optional(value.as_double())
                                          : std::nullopt;
  if (!parsed) value_error("could not convert to float: " + repr(value));
  const double base = binary ? 1024 : 1000;
  if (*parsed == 1) return Value("1 Byte");
  if (*parsed < base) return Value(std::to_string(static_cast<int64_t>(*parsed)) + " Bytes");
  double unit = base;
  size_t prefix = 0;
  while (prefix < 7 && *parsed >= unit * base) unit *= base, ++prefix;
  char out[64];
  const char *prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
  std::snprintf(out, sizeof out, "%.1f %c%sB", *parsed / unit, prefixes[prefix], binary ? "i" : "");
  return Value(std::string(out));
}

Value sum(Runtime &runtime, const Value &value, const Arguments &arguments) {
  const Parameters parameters("sum", arguments, {"attribute", "start"});
  Value total = parameters.has(1) ? parameters[1] : Value(0);
  if (total.is_text()) type_error("sum() can't sum strings [use ''.join(seq) instead]");
  const auto iterator = iterate(runtime, value);
  for (Value item; iterator->next(item);)
    total = apply_binary(runtime, "+", total,
                         parameters.or_none(0).is_none() ? item : get_path(runtime, item, parameters[0]));
  return total;
}

}  // namespace

std::span<const FilterEntry> number_filters() {
  static constexpr FilterEntry kFilters[] = {
      {"int", to_int},    {"float", to_float},           {"abs", absolute},
      {"round", rounded}, {"filesizeformat", file_size}, {"sum", sum},
  };
  return kFilters;
}

}  // namespace kvern::templates
