#include "runtime/config/text/toml_string.hpp"

namespace kvern::config {
namespace {

void read_unicode(Cursor &at, size_t digits, std::string &to) {
  const auto code = at.rest().substr(0, digits);
  if (code.size() < digits || !append_code_point(code, to))
    at.fail(digits == 4 ? "\\u is followed by 4 hexadecimal digits of a character"
                        : "\\U is followed by 8 hexadecimal digits of a character");
  at.advance(digits);
}

// After the backslash of a basic string.
void read_escape(Cursor &at, std::string &to) {
  constexpr std::string_view kLetters = "btnfr\"\\", kMeaning = "\b\t\n\f\r\"\\";
  const char c = at.peek();
  if (const size_t i = kLetters.find(c); i != std::string_view::npos && c != '\0') {
    to += kMeaning[i];
    at.advance(1);
  } else if (c == 'u' || c == 'U') {
    at.advance(1);
    read_unicode(at, c == 'u' ? 4 : 8, to);
  } else {
    at.fail("an escape is one of \\b \\t \\n \\f \\r \\\" \\\\ \\uXXXX \\UXXXXXXXX, found " + at.found() +
            " after a backslash");
  }
}

// A backslash at the end of a line takes away the line break and the blanks that follow.
bool skip_line_end(Cursor &at) {
  const auto rest = at.rest();
  const size_t end = rest.find_first_not_of(" \t");
  if (end == std::string_view::npos || (rest[end] != '\n' && rest.substr(end, 2) != "\r\n")) return false;
  const size_t next = rest.find_first_not_of(" \t\r\n");
  at.advance(next == std::string_view::npos ? rest.size() : next);
  return true;
}

std::string read_short(Cursor &at, char quote) {
  const size_t begin = at.line();
  std::string text;
  at.advance(1);
  while (!at.accept(quote)) {
    if (at.at_end() || at.peek() == '\n' || at.starts_with("\r\n"))
      at.fail(begin, std::string("a string has no closing ") + quote);
    if (quote == '"' && at.accept('\\'))
      read_escape(at, text);
    else if (is_toml_text(at.peek()))
      text += at.take();
    else
      at.fail("a control character in a string, " + at.found());
  }
  return text;
}

std::string read_long(Cursor &at, char quote) {
  const size_t begin = at.line();
  const std::string end(3, quote);
  std::string text;
  at.advance(3);
  if (at.starts_with("\r\n")) at.advance(1);
  at.accept('\n');
  while (!at.starts_with(end)) {
    if (at.at_end()) at.fail(begin, "a string has no closing " + end);
    if (at.starts_with("\r\n")) at.advance(1);
    if (quote == '"' && at.accept('\\')) {
      if (!skip_line_end(at)) read_escape(at, text);
    } else if (at.peek() == '\n' || is_toml_text(at.peek())) {
      text += at.take();
    } else {
      at.fail("a control character in a string, " + at.found());
    }
  }
  at.advance(3);
  for (int i = 0; i < 2 && at.accept(quote); ++i)
    text += quote;  // up to two quotes may stand before the closing three
  return text;
}

}  // namespace

bool is_toml_text(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

std::string read_toml_string(Cursor &at, bool multi_line) {
  const char quote = at.peek();
  return multi_line && at.starts_with(std::string(3, quote)) ? read_long(at, quote) : read_short(at, quote);
}

}  // namespace kvern::config
