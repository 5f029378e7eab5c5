// TOML by a library (toml++), with what it leaves open: depth, size, UTF-8 and dates are checked here, tables keep the order
// of the text, and every value its line.
#include "runtime/config/toml.hpp"

#include <stdexcept>

// Texts that are no TOML break some of the library's own assertions, which a release build takes for granted with undefined
// behaviour: here they are checked in every build, and end the parsing.
[[noreturn]] static void fail_toml_assertion() { throw std::logic_error("an assertion of toml++ failed"); }
#undef NDEBUG
#define TOML_ASSERT(condition) ((condition) ? static_cast<void>(0) : fail_toml_assertion())
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_ENABLE_UNRELEASED_FEATURES 0
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <kvern/error.hpp>
#include <tuple>

#include "runtime/config/text/cursor.hpp"
#include "runtime/config/toml_depth.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/utf8.hpp"

namespace kvern::config {
namespace {

[[noreturn]] void refuse(const std::string &place, const std::string &why) {
  throw Error(ErrorKind::config, place + ": " + why);
}

std::string at_line(const std::string &file, size_t line) { return file + ":" + std::to_string(line); }

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

std::string_view line_of(std::string_view text, size_t number) {
  for (; number > 1; --number) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  return text.substr(0, text.find('\n'));
}

/// The word in a line like `cache_implementation = static`, or nothing.
std::string_view bare_word(std::string_view line) {
  line = trimmed(line.substr(0, line.find('#')));
  const size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  const std::string_view word = trimmed(line.substr(equals + 1));
  const auto in_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-';
  };
  const bool letters = !word.empty() && std::isalpha(static_cast<unsigned char>(word[0])) != 0;
  return letters && std::all_of(word.begin(), word.end(), in_word) ? word : std::string_view();
}

[[noreturn]] void refuse_syntax(const toml::parse_error &error, std::string_view text,
                                const std::string &file) {
  const size_t line = error.source().begin.line;
  const std::string place = at_line(file, line), what(error.description());
  if (what.find("not representable in 64 bits") != std::string::npos)
    refuse(place, "an integer is too large; integers have 64 bits");
  if (what.find("floating-point: ") != std::string::npos &&
      what.find("could not be interpreted") != std::string::npos)
    refuse(place, "a number is too large");
  const std::string_view word = bare_word(line_of(text, line));
  if (!word.empty())
    refuse(place, "is not valid TOML: strings stand in quotes: \"" + std::string(word) + "\"");
  refuse(place, "is not valid TOML: " + printable(what, 300));
}

toml::table parse_checked(std::string_view text, const std::string &file) {
  if (text.size() > kMaxText) refuse(file, "is larger than 1 MB; a configuration is a small text");
  if (const auto bad = invalid_utf8(text)) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(*bad), '\n');
    refuse(at_line(file, static_cast<size_t>(line)), "is not valid UTF-8; TOML is UTF-8 text");
  }
  if (const size_t line = line_beyond_depth(text))
    refuse(at_line(file, line), "is nested more than " + std::to_string(kMaxDepth) + " deep");
  if (const size_t line = line_of_stray_character(text))
    refuse(at_line(file, line),
           "is not valid TOML: a character that cannot stand there; texts stand in quotes");
  try {
    return toml::parse(text);
  } catch (const toml::parse_error &error) {
    refuse_syntax(error, text, file);
  } catch (const std::logic_error &) {
    refuse(file, "is not valid TOML: brackets, keys and values do not match");
  }
}

Option convert(const toml::node &node, const std::string &file);

/// The library sorts by name.
OptionTable convert_table(const toml::table &table, const std::string &file) {
  std::vector<std::pair<const toml::key *, const toml::node *>> items;
  for (auto &&[key, node] : table) items.emplace_back(&key, &node);
  const auto position = [](const auto &item) {
    const toml::source_position at = item.first->source().begin;
    return std::tuple(at.line, at.column, item.first->str());
  };
  std::sort(items.begin(), items.end(),
            [&](const auto &a, const auto &b) { return position(a) < position(b); });
  OptionTable options;
  for (const auto &[key, node] : items) options.emplace_back(std::string(key->str()), convert(*node, file));
  return options;
}

Option convert(const toml::node &node, const std::string &file) {
  const std::string place = at_line(file, node.source().begin.line);
  if (const auto *value = node.as_boolean()) return {value->get(), place};
  if (const auto *value = node.as_integer()) return {int64_t{value->get()}, place};
  if (const auto *value = node.as_floating_point()) return {double{value->get()}, place};
  if (const auto *value = node.as_string()) return {value->get(), place};
  if (const auto *table = node.as_table()) return {convert_table(*table, file), place};
  const toml::array *array = node.as_array();
  if (!array) refuse(place, "a date or time; no option is one. A string stands in quotes");
  OptionArray options;
  for (const toml::node &item : *array) options.push_back(convert(item, file));
  return {std::move(options), place};
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
  } catch (const Error &error) {
    const std::string_view what(error.what());
    if (const size_t at = what.find("an integer is too large"); at != what.npos)
      refuse(place, std::string(what.substr(at)));
    // else a word
  }
  if (structured && !is_toml) {
    refuse(place, "is no valid TOML value; a string that begins with a quote or a bracket stands in quotes");
  }
  set_place(option, place);
  return option;
}

}  // namespace kvern::config
