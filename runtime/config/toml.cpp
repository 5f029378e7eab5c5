// The library (toml11 3.7.1) parses recursively, reads beyond its buffer at invalid UTF-8, saturates numbers that
// are too large and says of a bare word that it is no float: what it gets is checked before, what it gives after.
#include "runtime/config/toml.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <kvern/error.hpp>
#include <limits>
#include <sstream>
#include <toml.hpp>

#include "runtime/support/printable.hpp"
#include "runtime/support/utf8.hpp"

namespace kvern::config {
namespace {

constexpr size_t kMaxText = 1 << 20;
constexpr int kMaxDepth = 32;

[[noreturn]] void refuse(const std::string &place, const std::string &why) {
  throw Error(ErrorKind::config, place + ": " + why);
}

std::string at_line(const std::string &file, size_t line) { return file + ":" + std::to_string(line); }

// Skips a quoted string or comment that begins at `i`; returns the index after it, or `i` where none begins.
// Only roughly TOML: what it misjudges is a syntax error anyway.
size_t skip_quoted(std::string_view text, size_t i) {
  const char quote = text[i];
  if (quote == '#') return std::min(text.find('\n', i), text.size());
  if (quote != '"' && quote != '\'') return i;
  const std::string triple(3, quote);
  const bool multi_line = text.substr(i, 3) == triple;
  for (size_t j = i + (multi_line ? 3 : 1); j < text.size(); ++j) {
    if (text[j] == '\\' && quote == '"') {
      ++j;
    } else if (multi_line ? text.substr(j, 3) == triple : text[j] == quote || text[j] == '\n') {
      return j + (multi_line ? 3 : 1);
    }
  }
  return text.size();
}

// The parser's own recursion follows brackets and dotted keys.
void check_depth(std::string_view text, const std::string &file) {
  int depth = 0, dots = 0;
  size_t line = 1, counted = 0;
  for (size_t i = 0; i < text.size();) {
    const size_t after = skip_quoted(text, i);
    if (after > i) {
      i = after;
      continue;
    }
    const char c = text[i++];
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    if (c == '.') ++dots;
    if (c == '\n' || c == ',' || c == '=') dots = 0;
    if (depth <= kMaxDepth && dots <= kMaxDepth) continue;
    for (; counted < i; ++counted) line += text[counted] == '\n';
    refuse(at_line(file, line), "is nested more than " + std::to_string(kMaxDepth) + " deep");
  }
}

bool is_word_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// The word in a line like `cache_implementation = static`, or nothing.
std::string_view bare_word(std::string_view line) {
  line = trimmed(line.substr(0, line.find('#')));
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view word = trimmed(line.substr(equals + 1));
  const bool letters = !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) != 0;
  return letters && std::all_of(word.begin(), word.end(), is_word_character) ? word : std::string_view();
}

// The library's text is "[error] toml::function: headline", then the place, then the lines with markers under
// them.
std::string without_function_name(const std::string &what) {
  std::istringstream lines(what);
  std::string headline, line, out;
  std::getline(lines, headline);
  const size_t name = headline.rfind("parse_"), colon = headline.find(": ");
  out = colon != std::string::npos ? headline.substr(colon + 2) : "";
  if (out.empty()) out = name != std::string::npos ? "no valid " + headline.substr(name + 6) : headline;
  while (std::getline(lines, line)) {
    if (line.find('|') != std::string::npos) out += "\n" + printable(line, 200);
  }
  return out;
}

[[noreturn]] void refuse_syntax(const toml::exception &error, const std::string &file) {
  const std::string place = at_line(file, error.location().line());
  const std::string_view word = bare_word(error.location().line_str());
  if (!word.empty()) {
    refuse(place, "is not valid TOML: strings stand in quotes: \"" + std::string(word) + "\"");
  }
  refuse(place, "is not valid TOML: " + without_function_name(error.what()));
}

toml::value parse_checked(std::string_view text, const std::string &file) {
  if (text.size() > kMaxText) refuse(file, "is larger than 1 MB; a configuration is a small text");
  if (const auto bad = invalid_utf8(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(*bad), '\n');
    refuse(at_line(file, static_cast<size_t>(line)), "is not valid UTF-8; TOML is UTF-8 text");
  }
  check_depth(text, file);
  std::istringstream stream{std::string(text)};
  try {
    return toml::parse(stream, file);
  } catch (const toml::exception &error) {
    refuse_syntax(error, file);
  } catch (const std::exception &error) {
    refuse(file, std::string("is not valid TOML: ") + printable(error.what()));
  }
}

int64_t checked(int64_t value, const std::string &place) {
  using Limits = std::numeric_limits<int64_t>;
  if (value == Limits::max() || value == Limits::min())
    refuse(place, "an integer is too large; integers have 64 bits");
  return value;
}

double checked(double value, const std::string &place) {
  if (std::abs(value) == std::numeric_limits<double>::max()) refuse(place, "a number is too large");
  return value;
}

Option convert(const toml::value &value, const std::string &file);

OptionTable convert_table(const toml::value &value, const std::string &file) {
  using Item = toml::table::value_type;
  std::vector<const Item *> items;
  for (const Item &item : value.as_table()) items.push_back(&item);
  const auto position = [](const Item *item) {
    const toml::source_location where = item->second.location();
    return std::tuple(where.line(), where.column(), std::string_view(item->first));
  };
  std::sort(items.begin(), items.end(),
            [&](const Item *a, const Item *b) { return position(a) < position(b); });
  OptionTable table;
  for (const Item *item : items) table.emplace_back(item->first, convert(item->second, file));
  return table;
}

Option convert(const toml::value &value, const std::string &file) {
  const std::string place = at_line(file, value.location().line());
  if (value.is_boolean()) return {value.as_boolean(), place};
  if (value.is_integer()) return {checked(int64_t{value.as_integer()}, place), place};
  if (value.is_floating()) return {checked(double{value.as_floating()}, place), place};
  if (value.is_string()) return {value.as_string().str, place};
  if (value.is_table()) return {convert_table(value, file), place};
  if (!value.is_array()) refuse(place, "a date or time; no option is one. A string stands in quotes");
  OptionArray array;
  for (const toml::value &item : value.as_array()) array.push_back(convert(item, file));
  return {std::move(array), place};
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

}  // namespace

OptionTable parse_toml(std::string_view text, const std::string &file) {
  return convert_table(parse_checked(text, file), file);
}

Option parse_toml_value(std::string_view text, const std::string &place) {
  text = trimmed(text);
  const bool structured = !text.empty() && std::string_view("\"'[{").find(text[0]) != std::string_view::npos;
  Option option{std::string(text), place};
  bool is_toml = false;
  try {
    OptionTable table = parse_toml("value = " + std::string(text) + "\n", place);
    is_toml = table.size() == 1 && table[0].first == "value";
    if (is_toml) option = std::move(table[0].second);
  } catch (const Error &) {  // a word, then
  }
  if (structured && !is_toml) {
    refuse(place, "is no valid TOML value; a string that begins with a quote or a bracket stands in quotes");
  }
  set_place(option, place);
  return option;
}

}  // namespace kvern::config
