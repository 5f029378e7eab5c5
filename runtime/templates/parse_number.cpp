#include "runtime/templates/parse_number.hpp"

#include <charconv>

#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

/// ASCII digits for those of other scripts; without white space at the ends and without underscores between digits. Nothing
/// where an underscore stands elsewhere.
std::optional<std::string> plain(const std::string &text) {
  std::string out;
  char before = '_';
  const std::string stripped = strip(text, nullptr, Side::both);
  for (const char32_t c : to_characters(stripped)) {
    const int digit = decimal_value(c);
    if (c >= 0x80 && digit < 0) return std::nullopt;
    const char one = digit >= 0 ? static_cast<char>('0' + digit) : static_cast<char>(c);
    if (one == '_' && (before == '_' || before == '+' || before == '-' || before == '.')) return std::nullopt;
    if (one == '.' && before == '_' && !out.empty()) return std::nullopt;
    before = one;
    if (one != '_') out += one;
  }
  if (out.empty() || before == '_') return std::nullopt;
  return out;
}

int base_of_prefix(const std::string &digits) {
  if (digits.size() < 3 || digits[0] != '0') return 0;
  switch (digits[1] | 0x20) {
    case 'x':
      return 16;
    case 'o':
      return 8;
    case 'b':
      return 2;
    default:
      return 0;
  }
}

}  // namespace

std::optional<int64_t> parse_integer(const std::string &text, int64_t base) {
  if (base != 0 && (base < 2 || base > 36)) return std::nullopt;
  auto digits = plain(text);
  if (!digits) return std::nullopt;
  const bool negative = (*digits)[0] == '-';
  if (negative || (*digits)[0] == '+') digits->erase(0, 1);
  if (digits->empty() || (*digits)[0] == '-' || (*digits)[0] == '+') return std::nullopt;
  const int prefix = base_of_prefix(*digits);
  if (prefix && (base == 0 || base == prefix)) {
    digits->erase(0, 2);
    base = prefix;
  }
  if (base == 0) base = 10;
  if (negative) digits->insert(0, "-");
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits->data(), digits->data() + digits->size(), value, static_cast<int>(base));
  if (error != std::errc() || end != digits->data() + digits->size()) return std::nullopt;
  return value;
}

std::optional<double> parse_float(const std::string &text) {
  auto digits = plain(text);
  if (!digits) return std::nullopt;
  if ((*digits)[0] == '+') digits->erase(0, 1);
  if (digits->empty() || (*digits)[0] == '+') return std::nullopt;
  const std::string lowered = to_lower(*digits);
  if (lowered.find('(') != lowered.npos) return std::nullopt;  // nan(...)
  double value = 0;
  const auto [end, error] = std::from_chars(lowered.data(), lowered.data() + lowered.size(), value);
  if (end != lowered.data() + lowered.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) return std::strtod(lowered.c_str(), nullptr);
  return error == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace kvern::templates
