// A reader of TOML 1.0 in one pass: tables in the order of the text, every value with its line, linear in the length.
#include "runtime/config/toml.hpp"

#include <algorithm>
#include <cctype>

#include "runtime/config/text/toml_number.hpp"
#include "runtime/config/text/toml_string.hpp"
#include "runtime/config/text/toml_tree.hpp"
#include "runtime/support/printable.hpp"

namespace kvern::config {
namespace {

void skip_blanks(Cursor &at) {
  while (at.peek() == ' ' || at.peek() == '\t') at.advance(1);
}

void skip_comment(Cursor &at) {
  if (at.peek() != '#') return;
  while (!at.at_end() && at.peek() != '\n' && !at.starts_with("\r\n")) {
    if (!is_toml_text(at.peek())) at.fail("a control character in a comment, " + at.found());
    at.advance(1);
  }
}

bool skip_line_break(Cursor &at) {
  if (at.starts_with("\r\n")) at.advance(1);
  return at.accept('\n');
}

// Blanks, comments and line breaks, as they may stand in an array and between lines.
void skip_empty(Cursor &at) {
  do {
    skip_blanks(at);
    skip_comment(at);
  } while (skip_line_break(at));
}

void expect_line_end(Cursor &at) {
  skip_blanks(at);
  skip_comment(at);
  if (!at.at_end() && !skip_line_break(at)) at.fail("expected the end of the line, found " + at.found());
}

std::string read_simple_key(Cursor &at) {
  if (at.peek() == '"' || at.peek() == '\'') return read_toml_string(at, /*multi_line=*/false);
  const size_t begin = at.offset();
  const auto is_bare = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  while (is_bare(at.peek())) at.advance(1);
  if (at.offset() == begin) at.fail("a key is missing, found " + at.found());
  return std::string(at.since(begin));
}

TomlKey read_key(Cursor &at) {
  TomlKey key;
  do {
    skip_blanks(at);
    key.push_back(read_simple_key(at));
    if (key.size() > kMaxDepth) at.refuse_depth();
    skip_blanks(at);
  } while (at.accept('.'));
  return key;
}

Option read_value(Cursor &at);
void read_assignment(Cursor &at, TomlTable &table, size_t section);

Option read_array(Cursor &at) {
  const std::string place = at.place();
  OptionArray array;
  at.enter();
  at.advance(1);
  for (skip_empty(at); !at.accept(']'); skip_empty(at)) {
    array.push_back(read_value(at));
    skip_empty(at);
    if (at.peek() != ']' && !at.accept(',')) at.fail("expected ',' or ']' in a list, found " + at.found());
  }
  at.leave();
  return {std::move(array), place};
}

Option read_inline_table(Cursor &at) {
  const std::string place = at.place();
  TomlTable table;
  at.enter();
  at.advance(1);
  skip_blanks(at);
  while (!at.accept('}')) {
    read_assignment(at, table, 0);
    skip_blanks(at);
    if (at.peek() == '}') continue;
    if (!at.accept(',')) at.fail("expected ',' or '}' in a table in braces, found " + at.found());
    skip_blanks(at);
    if (at.peek() == '}') at.fail("a table in braces ends with ','; a key is missing");
  }
  at.leave();
  return {to_options(table, at), place};
}

Option read_value(Cursor &at) {
  switch (at.peek()) {
    case '[':
      return read_array(at);
    case '{':
      return read_inline_table(at);
    case '"':
    case '\'': {
      const std::string place = at.place();
      return {read_toml_string(at, /*multi_line=*/true), place};
    }
    default:
      return read_toml_bare(at);
  }
}

void read_assignment(Cursor &at, TomlTable &table, size_t section) {
  const TomlKey key = read_key(at);
  if (!at.accept('='))
    at.fail("expected '=' after the key " + in_quotes(key.back()) + ", found " + at.found());
  skip_blanks(at);
  TomlNode &node = new_value(table, key, section, at);
  node.value = read_value(at);
}

TomlTable &read_header(Cursor &at, TomlTable &top, size_t section) {
  at.advance(1);
  const bool is_list = at.accept('[');
  const TomlKey key = read_key(at);
  if (!at.accept(']') || (is_list && !at.accept(']')))
    at.fail(std::string("expected '") + (is_list ? "]]" : "]") + "' after " + in_quotes(key.back()) +
            ", found " + at.found());
  return is_list ? open_list_item(top, key, section, at) : open_header(top, key, section, at);
}

void set_place(Option &option, const std::string &place) {
  option.place = place;
  if (auto *table = std::get_if<OptionTable>(&option.value)) {
    for (auto &[key, item] : *table) set_place(item, place);
  }
  if (auto *array = std::get_if<OptionArray>(&option.value)) {
    for (Option &item : *array) set_place(item, place);
  }
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

OptionTable parse_toml(std::string_view text, const std::string &file) {
  Cursor at(text, file, "TOML");
  TomlTable top;
  TomlTable *table = &top;
  size_t section = 0;
  for (skip_empty(at); !at.at_end(); skip_empty(at)) {
    if (at.peek() == '[')
      table = &read_header(at, top, ++section);
    else
      read_assignment(at, *table, section);
    expect_line_end(at);
  }
  return to_options(top, at);
}

Option parse_toml_value(std::string_view text, const std::string &place) {
  text = trimmed(text);
  const bool structured = !text.empty() && std::string_view("\"'[{").find(text[0]) != std::string_view::npos;
  Option option{std::string(text), place};
  try {
    Cursor at(text, place, "TOML", /*with_lines=*/false);
    Option value = read_value(at);
    skip_blanks(at);
    skip_comment(at);
    if (!at.at_end()) at.fail("expected the end of the value, found " + at.found());
    option = std::move(value);
  } catch (const SyntaxError &error) {
    if (structured)
      throw Error(
          ErrorKind::config,
          place +
              ": is no valid TOML value; a string that begins with a quote or a bracket stands in quotes");
  }
  set_place(option, place);
  return option;
}

}  // namespace kvern::config
