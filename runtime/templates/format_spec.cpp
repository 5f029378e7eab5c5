#include "runtime/templates/format_spec.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

constexpr int64_t kMaxPrecision = 1000;  // of digits behind a point

class SpecParser {
 public:
  SpecParser(std::string_view text, const std::string &type_name)
      : whole_(text), type_name_(type_name), rest_(to_characters(text)) {}

  FormatSpec run() {
    alignment();
    if (!rest_.empty() && std::u32string_view(U"+- ").find(rest_[0]) != std::u32string_view::npos)
      spec_.sign = take();
    if (!rest_.empty() && rest_[0] == U'z') take();
    spec_.alternate = skip('#');
    if (!rest_.empty() && rest_[0] == U'0') zero();
    if (const auto width = integer()) spec_.width = *width;
    if (!rest_.empty() && (rest_[0] == U',' || rest_[0] == U'_')) spec_.grouping = take();
    if (skip('.')) {
      spec_.precision = integer();
      if (!spec_.precision) value_error("Format specifier missing precision");
    }
    if (!rest_.empty()) spec_.type = take();
    if (!rest_.empty())
      value_error("Invalid format specifier '" + std::string(whole_) + "' for object of type '" + type_name_ +
                  "'");
    return spec_;
  }

 private:
  static bool aligns(char32_t c) { return c == U'<' || c == U'>' || c == U'^' || c == U'='; }

  char take() {
    const char c = rest_[0] < 0x80 ? static_cast<char>(rest_[0]) : '\x01';
    rest_.erase(0, 1);
    return c;
  }

  bool skip(char c) {
    if (rest_.empty() || rest_[0] != static_cast<char32_t>(c)) return false;
    return take(), true;
  }

  void alignment() {
    if (rest_.size() > 1 && aligns(rest_[1])) {
      spec_.fill = rest_[0];
      rest_.erase(0, 1);
      spec_.align = take();
    } else if (!rest_.empty() && aligns(rest_[0])) {
      spec_.align = take();
    }
  }

  void zero() {
    take();
    if (!spec_.align) spec_.align = '=', spec_.fill = U'0';
  }

  std::optional<int64_t> integer() {
    std::optional<int64_t> value;
    while (!rest_.empty() && rest_[0] >= U'0' && rest_[0] <= U'9') {
      value = value.value_or(0) * 10 + (take() - '0');
      if (*value > INT32_MAX) value_error("Too many decimal digits in format string");
    }
    return value;
  }

  std::string_view whole_;
  const std::string &type_name_;
  std::u32string rest_;
  FormatSpec spec_;
};

/// How many digits stand between separators.
size_t group_of(const FormatSpec &spec) { return std::string_view("xXob").find(spec.type) < 4 ? 4 : 3; }

/// The digits in front of a point or an exponent.
size_t whole_digits(const std::string &number, bool hexadecimal) {
  const auto end = std::find_if_not(number.begin(), number.end(), [&](unsigned char c) {
    return hexadecimal ? std::isxdigit(c) : std::isdigit(c);
  });
  return static_cast<size_t>(end - number.begin());
}

/// How many zeros in front make a number with separators fill `room`.
size_t missing_zeros(size_t whole, size_t behind, size_t group, size_t room) {
  size_t digits = whole;
  while (digits + (digits - 1) / group + behind < room) ++digits;
  return digits - whole;
}

/// Separators between the first `whole` characters of `number` (sign and prefix not included).
std::string group_digits(const std::string &number, size_t whole, char separator, size_t group) {
  std::string out;
  out.reserve(number.size() + whole / group);
  for (size_t i = 0; i < whole; ++i) {
    if (i && (whole - i) % group == 0) out += separator;
    out += number[i];
  }
  return out + number.substr(whole);
}

/// With separators; zeros that fill `room` are separated too.
std::string separated(Runtime &runtime, const std::string &digits, const FormatSpec &spec, size_t room) {
  size_t whole = whole_digits(digits, group_of(spec) == 4);
  if (whole == 0) return digits;  // "inf", "nan"
  size_t zeros = 0;
  if (spec.fill == U'0' && spec.align == '=') {
    runtime.budget().make(static_cast<int64_t>(room));
    zeros = missing_zeros(whole, digits.size() - whole, group_of(spec), room);
  }
  return group_digits(std::string(zeros, '0') + digits, zeros + whole, spec.grouping, group_of(spec));
}

std::string format_text(Runtime &runtime, const Value &value, const FormatSpec &spec) {
  if (spec.type && spec.type != 's')
    value_error(std::string("Unknown format code '") + spec.type + "' for object of type 'str'");
  if (spec.align == '=' && spec.fill != U'0')
    value_error("'=' alignment not allowed in string format specifier");
  std::string text = value.str();
  if (spec.precision) text = text.substr(0, byte_of(text, static_cast<size_t>(*spec.precision)));
  FormatSpec padded = spec;
  if (padded.align == '=') padded.align = '<';
  return pad(runtime, std::move(text), padded, '<');
}

std::string format_float_value(Runtime &runtime, double value, const FormatSpec &spec) {
  if (!spec.type && !spec.precision) {
    std::string digits = repr_float(std::fabs(value));
    return finish_number(runtime, sign_of(std::signbit(value) && !std::isnan(value), spec.sign), "", digits,
                         spec);
  }
  const char type = spec.type ? spec.type : 'g';
  const bool percent = type == '%';
  const double scaled = percent ? value * 100 : value;
  std::string digits = format_float(std::fabs(scaled),
                                    percent       ? 'f'
                                    : type == 'n' ? 'g'
                                                  : type,
                                    spec.precision.value_or(6), spec.alternate);
  if (!spec.type && std::isfinite(value) && digits.find_first_of(".e") == digits.npos) digits += ".0";
  return finish_number(runtime, sign_of(std::signbit(value) && !std::isnan(value), spec.sign), "",
                       digits + (percent ? "%" : ""), spec);
}

std::string format_integer(Runtime &runtime, const Value &value, const FormatSpec &spec) {
  static constexpr std::string_view kFloatTypes = "eEfFgG%", kTypes = "bcdnoxX";
  if (spec.type && kFloatTypes.find(spec.type) != kFloatTypes.npos)
    return format_float_value(runtime, value.as_double(), spec);
  if (spec.type && kTypes.find(spec.type) == kTypes.npos)
    value_error(std::string("Unknown format code '") + spec.type + "' for object of type 'int'");
  if (spec.precision) value_error("Precision not allowed in integer format specifier");
  const int64_t number = value.as_int();
  if (spec.type == 'c') {
    if (number < 0 || number > 0x10FFFF || (number >= 0xD800 && number < 0xE000))
      fail(Failure::Kind::overflow, "%c arg not in range(0x110000)");
    return pad(runtime, from_characters(std::u32string(1, static_cast<char32_t>(number))), spec, '<');
  }
  const uint64_t magnitude = number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number);
  const std::string prefix =
      spec.alternate && spec.type && spec.type != 'd' && spec.type != 'n' ? std::string("0") + spec.type : "";
  return finish_number(runtime, sign_of(number < 0, spec.sign), prefix,
                       format_integer_digits(magnitude, spec.type), spec);
}

}  // namespace

FormatSpec parse_format_spec(std::string_view text, const std::string &type_name) {
  return SpecParser(text, type_name).run();
}

std::string sign_of(bool negative, char sign) {
  return negative ? "-" : sign == '-' ? "" : std::string(1, sign);
}

std::string finish_number(Runtime &runtime, const std::string &sign, const std::string &prefix,
                          std::string digits, const FormatSpec &spec) {
  FormatSpec inner = spec;
  inner.align = '>';
  inner.width = std::max<int64_t>(0, spec.width - static_cast<int64_t>(sign.size() + prefix.size()));
  if (spec.grouping) digits = separated(runtime, digits, spec, static_cast<size_t>(inner.width));
  if (spec.align != '=') return pad(runtime, sign + prefix + digits, spec, '>');
  return sign + prefix + pad(runtime, digits, inner, '>');
}

std::string format_integer_digits(uint64_t magnitude, char type) {
  const unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
  const char *alphabet = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
  std::string digits;
  do {
    digits.insert(digits.begin(), alphabet[magnitude % base]);
    magnitude /= base;
  } while (magnitude);
  return digits;
}

std::string format_float(double value, char type, int64_t precision, bool alternate) {
  if (std::string_view("eEfFgG").find(type) == std::string_view::npos)
    value_error(std::string("Unknown format code '") + type + "' for object of type 'float'");
  if (precision > kMaxPrecision) value_error("precision too big");
  const char format[] = {
      '%', alternate ? '#' : '.', alternate ? '.' : '*', alternate ? '*' : type, alternate ? type : '\0',
      '\0'};
  const int length = std::snprintf(nullptr, 0, format, static_cast<int>(precision), value);
  std::string out(static_cast<size_t>(length) + 1, '\0');
  std::snprintf(out.data(), out.size(), format, static_cast<int>(precision), value);
  out.pop_back();
  return out;
}

std::string pad(Runtime &runtime, std::string text, const FormatSpec &spec, char default_align) {
  const int64_t missing = spec.width - static_cast<int64_t>(count_characters(text));
  if (missing <= 0) return text;
  runtime.budget().make(missing * 4);
  const char align = spec.align ? spec.align : default_align;
  const int64_t left = align == '<' ? 0 : align == '^' ? missing / 2 : missing;
  const auto fill = [&](int64_t count) {
    return from_characters(std::u32string(static_cast<size_t>(count), spec.fill));
  };
  return fill(left) + text + fill(missing - left);
}

std::string format_value(Runtime &runtime, const Value &value, std::string_view spec_text) {
  if (spec_text.empty()) {
    runtime.walk(value);
    return str(value);
  }
  if (!value.is_text() && !value.is_number())
    type_error("unsupported format string passed to " + value.type_name() + ".__format__");
  const FormatSpec spec = parse_format_spec(spec_text, value.type_name());
  if (value.is_text()) return format_text(runtime, value, spec);
  return value.is_float() ? format_float_value(runtime, value.as_double(), spec)
                          : format_integer(runtime, value, spec);
}

}  // namespace kvern::templates
