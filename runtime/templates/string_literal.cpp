#include "runtime/templates/string_literal.hpp"

#include <charconv>

#include "runtime/templates/failure.hpp"
#include "runtime/templates/text.hpp"

namespace kvern::templates {
namespace {

constexpr std::string_view kLetters = "\\'\"abfnrtv", kMeanings = "\\'\"\a\b\f\n\r\t\v";

/// Exactly `count` hexadecimal digits at `place`, which moves behind them.
char32_t hexadecimal(std::string_view literal, size_t &place, size_t count, char kind) {
  uint32_t value = 0;
  const std::string_view digits = literal.substr(place, count);
  const auto end = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
  if (digits.size() != count || end != digits.data() + count)
    value_error(std::string("truncated \\") + kind + std::string(count, 'X') + " escape");
  place += count;
  return value;
}

char32_t octal(std::string_view literal, size_t &place) {
  char32_t value = 0;
  for (int i = 0; i < 3 && place < literal.size() && literal[place] >= '0' && literal[place] <= '7'; ++i)
    value = value * 8 + static_cast<char32_t>(literal[place++] - '0');
  return value;
}

void append_checked(std::string &out, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) value_error("illegal Unicode character in a string");
  append_character(out, c);
}

}  // namespace

std::string unescape_literal(std::string_view literal) {
  std::string out;
  for (size_t place = 0; place < literal.size();) {
    if (literal[place] != '\\' || place + 1 == literal.size()) {
      out += literal[place++];
      continue;
    }
    const char kind = literal[place + 1];
    place += 2;
    if (const size_t letter = kLetters.find(kind); letter != kLetters.npos) {
      out += kMeanings[letter];
    } else if (kind == 'x' || kind == 'u' || kind == 'U') {
      append_checked(out, hexadecimal(literal, place, kind == 'x' ? 2 : kind == 'u' ? 4 : 8, kind));
    } else if (kind >= '0' && kind <= '7') {
      append_checked(out, octal(literal, --place));
    } else if (kind != '\n') {
      (out += '\\') += kind;
    }
  }
  return out;
}

}  // namespace kvern::templates
