#include "runtime/constraint/response_format.hpp"

#include <kvern/error.hpp>

#include "runtime/constraint/regex.hpp"
#include "runtime/constraint/schema/compiler.hpp"
#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::constraint {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxSchemaBytes = size_t{4} << 20;
constexpr std::string_view kRegexPrefix = "regex:";

[[noreturn]] void refuse(const std::string &place, const std::string &text) {
  throw Error(ErrorKind::config, place + ": " + text);
}

bool is_schema_text(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

Language file_language(const std::string &name, const fs::path &folder, const std::string &place) {
  std::error_code ignored;
  const fs::path inside = folder / name, path = fs::exists(inside, ignored) ? inside : fs::path(name);
  if (!is_present(path))
    refuse(place, "there is no file " + in_quotes(name) +
                      "; response_format is \"json_object\", \"text\", \"regex:PATTERN\", the text of a JSON "
                      "schema, or "
                      "the name of a file that holds one" +
                      did_you_mean(name, {"json_object", "text"}));
  return schema_language(read_file(path, ErrorKind::config, kMaxSchemaBytes), printable(path.string(), 4096));
}

Language schema_or_file(const std::string &text, const fs::path &folder, const std::string &place) {
  return is_schema_text(text) ? schema_language(text, place) : file_language(text, folder, place);
}

/// The text under a key of the table that must be there.
std::string text_under(const OptionTable &table, const std::string &key, const std::string &place) {
  for (const auto &[name, value] : table)
    if (name == key) {
      const auto *text = std::get_if<std::string>(&value.value);
      if (text == nullptr) refuse(place, "response_format." + key + ": expected a string");
      return *text;
    }
  refuse(place, "response_format: the key '" + key + "' is missing");
}

Language table_language(const OptionTable &table, const fs::path &folder, const std::string &place) {
  const std::string type = text_under(table, "type", place);
  const std::string key = type == "json_schema" ? "json_schema" : type == "regex" ? "pattern" : "";
  if (key.empty() && type != "json_object")
    refuse(place, "response_format.type: " + in_quotes(type) +
                      " is not known; known are json_object, json_schema, regex" +
                      did_you_mean(type, {"json_object", "json_schema", "regex"}));
  for (const auto &[name, value] : table)
    if (name != "type" && name != key)
      refuse(place, "response_format: the key " + in_quotes(name) + " does not belong to the type " + type +
                        did_you_mean(name, {"type", key}));
  if (key.empty()) return object_language();
  const std::string text = text_under(table, key, place);
  return type == "regex" ? regex_language(text, place) : schema_or_file(text, folder, place);
}

/// Where the schema lies that nothing meets: the last rule without a text.
std::string unmet_path(const SchemaCompiler &compiler, const std::vector<bool> &met) {
  for (size_t rule = met.size(); rule-- > 0;)
    if (!met[rule] && !compiler.path_of(static_cast<Grammar::RuleId>(rule)).empty())
      return compiler.path_of(static_cast<Grammar::RuleId>(rule));
  return "#";
}

}  // namespace

Language regex_language(std::string_view pattern, std::string_view place) {
  const CharAutomaton automaton = regex_automaton(pattern, RegexMatch::whole, place);
  if (automaton.empty()) refuse(std::string(place), "no text matches " + in_quotes(pattern));
  Language language;
  language.rule = language.grammar.add_rule();
  const auto end = language.grammar.add_state();
  language.grammar.set_returns(end);
  language.grammar.add_automaton(language.grammar.start_of(language.rule), automaton, Spelling::plain, end);
  language.grammar.prune();
  return language;
}

Language schema_language(std::string_view schema, const std::string &name) {
  const SchemaDocument document(schema, name);
  Language language;
  SchemaCompiler compiler(document, language.grammar);
  language.rule = compiler.rule({document.root()});
  const auto met = language.grammar.prune();
  if (!met[language.rule])
    refuse(name, "no value meets the schema: what " + unmet_path(compiler, met) + " requires cannot be met");
  return language;
}

Language object_language() {
  const SchemaDocument document("{}", "json_object");
  Language language;
  SchemaCompiler compiler(document, language.grammar);
  language.rule = compiler.any_object();
  language.grammar.prune();
  return language;
}

Language response_language(const Option &format, const fs::path &folder, const std::string &place) {
  if (const auto *table = std::get_if<OptionTable>(&format.value))
    return table_language(*table, folder, place);
  const auto &text = std::get<std::string>(format.value);
  if (text == "json_object") return object_language();
  if (text.starts_with(kRegexPrefix))
    return regex_language(std::string_view(text).substr(kRegexPrefix.size()), place);
  return schema_or_file(text, folder, place);
}

}  // namespace kvern::constraint
