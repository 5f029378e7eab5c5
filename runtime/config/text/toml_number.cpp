#include "runtime/config/text/toml_number.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <optional>

#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_bare(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
         (c != '\0' && std::string_view("_+-.:").find(c) != std::string_view::npos);
}

// Digits for which `good` holds, with single underscores between them. Removes them from `text`; false where there is none.
template <class Good>
bool take_digits(std::string_view &text, std::string &to, Good good) {
  size_t i = 0;
  while (i < text.size() && (good(text[i]) || (i > 0 && text[i] == '_' && i + 1 < text.size() &&
                                               good(text[i - 1]) && good(text[i + 1])))) {
    if (text[i] != '_') to += text[i];
    ++i;
  }
  text.remove_prefix(i);
  return i > 0;
}

bool is_integer_with_base(std::string_view text, std::string &digits, int &base) {
  if (text.size() < 3 || text[0] != '0') return false;
  base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : text[1] == 'b' ? 2 : 0;
  if (base == 0) return false;
  text.remove_prefix(2);
  const auto good = [&](char c) {
    if (base == 16) return std::isxdigit(static_cast<unsigned char>(c)) != 0;
    return c >= '0' && c < '0' + base;
  };
  return take_digits(text, digits, good) && text.empty();
}

// [sign] digits [. digits] [e [sign] digits], the underscores removed.
bool is_decimal(std::string_view text, std::string &digits, bool &is_float) {
  const auto sign = [&] {
    if (text.empty() || (text[0] != '+' && text[0] != '-')) return;
    digits += text[0];
    text.remove_prefix(1);
  };
  sign();
  if (text.size() > 1 && text[0] == '0' && (is_digit(text[1]) || text[1] == '_')) return false;
  if (!take_digits(text, digits, is_digit)) return false;
  if (!text.empty() && text[0] == '.') {
    is_float = true;
    digits += '.';
    text.remove_prefix(1);
    if (!take_digits(text, digits, is_digit)) return false;
  }
  if (!text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    is_float = true;
    digits += 'e';
    text.remove_prefix(1);
    sign();
    if (!take_digits(text, digits, is_digit)) return false;
  }
  return text.empty();
}

bool is_date_or_time(std::string_view text) {
  const auto digits =
      static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
  return digits < text.size() && ((digits == 4 && text[4] == '-') || (digits == 2 && text[2] == ':'));
}

std::optional<double> special_float(std::string_view text) {
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  if (text == "inf")
    return minus ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
  if (text == "nan") return std::nan("");
  return std::nullopt;
}

[[noreturn]] void refuse_word(std::string_view word, const Cursor &at) {
  if (word.empty()) at.fail("a value is missing, found " + at.found());
  if (std::isalpha(static_cast<unsigned char>(word[0])) != 0)
    at.fail("strings stand in quotes: \"" + printable(word) + "\"");
  at.fail(in_quotes(word) + " is no number; a string stands in quotes");
}

}  // namespace

Option read_toml_bare(Cursor &at) {
  size_t n = 0;
  while (is_bare(at.peek(n))) ++n;
  const auto word = at.rest().substr(0, n);
  const std::string place = at.place();
  if (word.empty() || word[0] == '.') refuse_word(word, at);
  std::string digits;
  int base = 10;
  bool is_float = false;
  Option option{false, place};
  if (word == "true" || word == "false")
    option.value = word == "true";
  else if (is_integer_with_base(word, digits, base))
    option.value = parse_integer(digits, base, place);
  else if (const auto special = special_float(word))
    option.value = *special;
  else if (digits.clear(); is_decimal(word, digits, is_float))
    is_float ? option.value = parse_float(digits, place) : option.value = parse_integer(digits, 10, place);
  else if (is_date_or_time(word))
    throw SyntaxError(ErrorKind::config,
                      place + ": a date or time; no option is one. A string stands in quotes");
  else
    refuse_word(word, at);
  at.advance(n);
  return option;
}

}  // namespace kvern::config
