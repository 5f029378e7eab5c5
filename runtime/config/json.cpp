#include "runtime/config/json.hpp"

#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>

#include "runtime/config/text/cursor.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

void skip_blanks(Cursor &at) {
  while (at.peek() == ' ' || at.peek() == '\t' || at.peek() == '\n' || at.peek() == '\r') at.advance(1);
}

uint32_t read_hex4(Cursor &at) {
  uint32_t code = 0;
  const auto digits = at.rest().substr(0, 4);
  if (digits.size() < 4 || !parse_hex(digits, code)) at.fail("\\u is followed by 4 hexadecimal digits");
  at.advance(4);
  return code;
}

// After \u: one code unit, or two that make a pair.
void read_unicode(Cursor &at, std::string &to) {
  uint32_t code = read_hex4(at);
  if (code >= 0xD800 && code < 0xDC00 && at.starts_with("\\u")) {
    at.advance(2);
    const uint32_t low = read_hex4(at);
    code = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : 0xD800;
  }
  if (code >= 0xD800 && code < 0xE000) at.fail("\\u names half of a surrogate pair");
  append_utf8(code, to);
}

std::string read_string(Cursor &at) {
  constexpr std::string_view kLetters = "\"\\/bfnrt", kMeaning = "\"\\/\b\f\n\r\t";
  std::string text;
  at.advance(1);
  while (!at.accept('"')) {
    if (at.at_end() || at.peek() == '\n') at.fail("a string has no closing \"");
    if (static_cast<unsigned char>(at.peek()) < 0x20)
      at.fail("a control character in a string, " + at.found());
    if (!at.accept('\\')) {
      text += at.take();
    } else if (at.accept('u')) {
      read_unicode(at, text);
    } else if (const size_t i = kLetters.find(at.peek()); i != std::string_view::npos && at.peek() != '\0') {
      text += kMeaning[i];
      at.advance(1);
    } else {
      at.fail("an escape is one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX, found " + at.found() +
              " after a backslash");
    }
  }
  return text;
}

bool digits(Cursor &at) {
  const size_t begin = at.offset();
  while (at.peek() >= '0' && at.peek() <= '9') at.advance(1);
  return at.offset() > begin;
}

Option read_number(Cursor &at) {
  const std::string place = at.place();
  const size_t begin = at.offset();
  bool is_float = false;
  at.accept('-');
  const bool zero = at.peek() == '0';
  const size_t first = at.offset();
  bool good = digits(at) && !(zero && at.offset() > first + 1);
  if (good && at.accept('.')) good = is_float = digits(at);
  if (good && (at.accept('e') || at.accept('E'))) {
    if (!at.accept('+')) at.accept('-');
    good = is_float = digits(at);
  }
  if (!good) at.fail(in_quotes(at.since(begin)) + " is no number");
  const std::string text(at.since(begin));
  if (is_float) return {parse_float(text, place), place};
  return {parse_integer(text, place), place};
}

std::optional<Option> read_word(Cursor &at) {
  const std::string place = at.place();
  const auto is = [&](std::string_view word) {
    if (!at.starts_with(word)) return false;
    at.advance(word.size());
    return true;
  };
  if (is("true")) return Option{true, place};
  if (is("false")) return Option{false, place};
  if (is("NaN")) return Option{std::nan(""), place};
  if (is("Infinity")) return Option{std::numeric_limits<double>::infinity(), place};
  if (is("-Infinity")) return Option{-std::numeric_limits<double>::infinity(), place};
  if (is("null")) return std::nullopt;
  if (at.peek() == '-' || (at.peek() >= '0' && at.peek() <= '9')) return read_number(at);
  at.fail("a value is missing, found " + at.found() + "; strings stand in double quotes");
}

std::optional<Option> read_value(Cursor &at);

OptionTable read_object(Cursor &at) {
  OptionTable table;
  std::unordered_map<std::string, size_t> lines;
  at.enter();
  at.advance(1);
  skip_blanks(at);
  while (!at.accept('}')) {
    if (at.peek() != '"') at.fail("a key in double quotes is missing, found " + at.found());
    const size_t line = at.line();
    std::string key = read_string(at);
    const auto [old, is_new] = lines.emplace(key, line);
    if (!is_new) at.fail(in_quotes(key) + " already exists, since line " + std::to_string(old->second));
    skip_blanks(at);
    if (!at.accept(':')) at.fail("expected ':' after the key " + in_quotes(key) + ", found " + at.found());
    if (auto value = read_value(at)) table.emplace_back(std::move(key), std::move(*value));
    if (at.peek() == '}') continue;
    if (!at.accept(',')) at.fail("expected ',' or '}' in an object, found " + at.found());
    skip_blanks(at);
    if (at.peek() == '}') at.fail("an object ends with ','; a key is missing");
  }
  at.leave();
  return table;
}

OptionArray read_array(Cursor &at) {
  OptionArray array;
  at.enter();
  at.advance(1);
  skip_blanks(at);
  while (!at.accept(']')) {
    auto value = read_value(at);
    if (!value) at.fail("null in a list; no option takes it");
    array.push_back(std::move(*value));
    if (at.peek() == ']') continue;
    if (!at.accept(',')) at.fail("expected ',' or ']' in a list, found " + at.found());
    skip_blanks(at);
    if (at.peek() == ']') at.fail("a list ends with ','; a value is missing");
  }
  at.leave();
  return array;
}

// With the blanks around it. Nothing for null.
std::optional<Option> read_value(Cursor &at) {
  skip_blanks(at);
  const std::string place = at.place();
  std::optional<Option> value;
  if (at.peek() == '{')
    value = Option{read_object(at), place};
  else if (at.peek() == '[')
    value = Option{read_array(at), place};
  else if (at.peek() == '"')
    value = Option{read_string(at), place};
  else
    value = read_word(at);
  skip_blanks(at);
  return value;
}

}  // namespace

OptionTable parse_json(std::string_view text, const std::string &file) {
  Cursor at(text, file, "JSON");
  skip_blanks(at);
  if (at.peek() != '{') at.fail("the text is an object in braces, found " + at.found());
  OptionTable table = read_object(at);
  skip_blanks(at);
  if (!at.at_end()) at.fail("expected the end of the text, found " + at.found());
  return table;
}

}  // namespace kvern::config
