#include "runtime/templates/printf_format.hpp"

#include <cmath>

#include "runtime/templates/format_spec.hpp"
#include "runtime/templates/repr.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

constexpr std::string_view kFlags = "-+ #0";

class PrintfFormatter {
 public:
  PrintfFormatter(Runtime &runtime, const std::string &format, const Value &values, bool markup)
      : runtime_(runtime), format_(format), values_(values), markup_(markup) {}

  std::string run() {
    while (place_ < format_.size()) {
      const size_t percent = format_.find('%', place_);
      out_ += format_.substr(place_, percent - place_);
      if (percent == std::string::npos) break;
      place_ = percent + 1;
      conversion();
    }
    const bool single = !values_.is_list() || !values_.as_list().is_tuple();
    const size_t given = single ? 1 : values_.as_list().items.size();
    if (used_ < given && !(single && (values_.is_dict() || values_.is_list() || values_.is_object() ||
                                      values_.is_undefined())))
      type_error("not all arguments converted during string formatting");
    return std::move(out_);
  }

 private:
  char peek() const {
    if (place_ >= format_.size()) value_error("incomplete format");
    return format_[place_];
  }

  const Value &next_value() {
    const bool single = !values_.is_list() || !values_.as_list().is_tuple();
    if (used_ >= (single ? 1 : values_.as_list().items.size()))
      type_error("not enough arguments for format string");
    return single ? (++used_, values_) : values_.as_list().items[used_++];
  }

  /// "(name)" before a conversion
  const Value *mapped_value() {
    if (peek() != '(') return nullptr;
    const size_t end = format_.find(')', place_);
    if (end == std::string::npos) value_error("incomplete format key");
    if (!values_.is_dict()) type_error("format requires a mapping");
    const Value *value = values_.as_dict().find(Value(format_.substr(place_ + 1, end - place_ - 1)));
    if (!value) fail(Failure::Kind::lookup_error, repr_text(format_.substr(place_ + 1, end - place_ - 1)));
    place_ = end + 1;
    used_ = 1;
    return value;
  }

  int64_t number() {
    if (peek() == '*') {
      ++place_;
      const Value &value = next_value();
      if (!value.is_integral()) type_error("* wants int");
      return value.as_int();
    }
    int64_t value = 0;
    for (; place_ < format_.size() && format_[place_] >= '0' && format_[place_] <= '9'; ++place_)
      if ((value = value * 10 + (format_[place_] - '0')) > INT32_MAX) value_error("width too big");
    return value;
  }

  void conversion() {
    const Value *value = mapped_value();
    FormatSpec spec;
    bool zero = false;
    for (; kFlags.find(peek()) != kFlags.npos; ++place_) {
      if (peek() == '-') spec.align = '<';
      if (peek() == '+' || (peek() == ' ' && spec.sign != '+')) spec.sign = peek();
      spec.alternate = spec.alternate || peek() == '#';
      zero = zero || peek() == '0';
    }
    spec.width = number();
    if (spec.width < 0) spec.align = '<', spec.width = -spec.width;
    if (peek() == '.') {
      ++place_;
      spec.precision = std::max<int64_t>(0, number());
    }
    while (peek() == 'l' || peek() == 'h' || peek() == 'L') ++place_;
    spec.type = peek();
    ++place_;
    if (spec.type == '%') {
      out_ += '%';
      return;
    }
    if (!value) value = &next_value();
    if (zero && !spec.align) spec.fill = U'0', spec.align = '=';
    const std::string piece = convert(*value, spec);
    runtime_.budget().make(static_cast<int64_t>(piece.size()));
    out_ += piece;
    runtime_.budget().require_fit(static_cast<int64_t>(out_.size()));
  }

  std::string convert(const Value &value, FormatSpec spec) {
    switch (spec.type) {
      case 's':
      case 'r':
      case 'a':
        return text(value, spec);
      case 'c':
        return character(value, spec);
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return integer(value, spec);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        return real(value, spec);
      default:
        value_error("unsupported format character '" + std::string(1, spec.type) + "' at index " +
                    std::to_string(place_ - 1));
    }
  }

  std::string padded_text(std::string text, FormatSpec spec) {
    if (spec.precision) text = text.substr(0, byte_of(text, static_cast<size_t>(*spec.precision)));
    spec.fill = U' ';
    if (spec.align == '=') spec.align = '>';
    return pad(runtime_, std::move(text), spec, '>');
  }

  std::string text(const Value &value, const FormatSpec &spec) {
    runtime_.walk(value);
    const std::string text = spec.type == 's'   ? str(value)
                             : spec.type == 'r' ? repr(value)
                                                : ascii_repr(value);
    return padded_text(markup_ && !value.is_markup() ? escape_html(text) : text, spec);
  }

  std::string character(const Value &value, const FormatSpec &spec) {
    if (value.is_text() && count_characters(value.str()) == 1) return padded_text(value.str(), spec);
    if (!value.is_integral()) type_error("%c requires int or char");
    return padded_text(format_value(runtime_, Value(value.as_int()), "c"), spec);
  }

  std::string integer(const Value &value, const FormatSpec &spec) {
    require_defined(value);
    const bool truncates = value.is_float() && (spec.type == 'd' || spec.type == 'i' || spec.type == 'u');
    if (!value.is_integral() && !truncates)
      type_error(std::string("%") + spec.type + " format: " +
                 (spec.type == 'd' || spec.type == 'i' || spec.type == 'u' ? "a real number" : "an integer") +
                 " is required, not " + value.type_name());
    if (truncates && !(std::fabs(value.as_double()) < 9.2e18))
      fail(Failure::Kind::overflow, "cannot convert the float to an integer of 64 bits");
    const int64_t number = truncates ? static_cast<int64_t>(value.as_double()) : value.as_int();
    std::string digits = format_integer_digits(
        number < 0 ? 0 - static_cast<uint64_t>(number) : static_cast<uint64_t>(number), spec.type);
    if (spec.precision) {
      runtime_.budget().make(*spec.precision);
      if (digits.size() < static_cast<size_t>(*spec.precision))
        digits.insert(0, static_cast<size_t>(*spec.precision) - digits.size(), '0');
    }
    const std::string prefix =
        spec.alternate && digits_have_prefix(spec.type) ? std::string("0") + spec.type : "";
    return finish_number(runtime_, sign_of(number < 0, spec.sign), prefix, std::move(digits), spec);
  }

  static bool digits_have_prefix(char type) { return type == 'x' || type == 'X' || type == 'o'; }

  std::string real(const Value &value, FormatSpec spec) {
    require_defined(value);
    if (!value.is_number()) type_error("must be real number, not " + value.type_name());
    const double number = value.as_double();
    if (!std::isfinite(number) && spec.align == '=') spec.align = '>', spec.fill = U' ';
    return finish_number(
        runtime_, sign_of(std::signbit(number) && !std::isnan(number), spec.sign), "",
        format_float(std::fabs(number), spec.type, spec.precision.value_or(6), spec.alternate), spec);
  }

  Runtime &runtime_;
  const std::string &format_;
  const Value &values_;
  const bool markup_;
  std::string out_;
  size_t place_ = 0, used_ = 0;
};

}  // namespace

std::string format_printf(Runtime &runtime, const std::string &format, const Value &values, bool markup) {
  return PrintfFormatter(runtime, format, values, markup).run();
}

}  // namespace kvern::templates
