// A text that is not as expected is parsed as a whole, which also makes the message.
#include "runtime/tokenizer/load/large_json.hpp"

#include <algorithm>
#include <future>
#include <system_error>

#include "runtime/support/json_depth.hpp"
#include "runtime/tokenizer/load/json_node.hpp"

namespace kvern::tokenizer {
namespace {

using nlohmann::json;

/// The index after the string that begins at `i`.
size_t skip_string(std::string_view text, size_t i) {
  for (++i; i < text.size() && text[i] != '"'; ++i)
    if (text[i] == '\\') ++i;
  return i + 1;
}

size_t skip_space(std::string_view text, size_t i) {
  while (i < text.size() && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t')) ++i;
  return i;
}

/// The index after the list or object that begins at `i`.
size_t skip_value(std::string_view text, size_t i) {
  for (int depth = 0; i < text.size();) {
    const char c = text[i];
    i = c == '"' ? skip_string(text, i) : i + 1;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && --depth == 0) break;
  }
  return i;
}

/// Parsed without exceptions: discarded where it is no JSON.
json parse_part(std::string_view text) { return json::parse(text, nullptr, false); }

/// Null where the parts are not what was expected.
json parse_in_parts(std::string_view text, const TextRange &range) {
  const std::string_view merges = text.substr(range.begin, range.size());
  std::future<json> other = std::async(std::launch::async, parse_part, merges);
  json root =
      parse_part(std::string(text.substr(0, range.begin)) + "[]" + std::string(text.substr(range.end)));
  json list = other.get();
  if (root.is_discarded() || list.is_discarded() || !root.is_object() || !root["model"].is_object())
    return nullptr;
  root["model"]["merges"] = std::move(list);
  return root;
}

}  // namespace

TextRange find_merges(std::string_view text) {
  TextRange found;
  std::string_view outer;  // the last key of the root
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '"') {
      if (text[i] == '[' || text[i] == '{') ++depth;
      if (text[i] == ']' || text[i] == '}') --depth;
      ++i;
      continue;
    }
    const size_t end = skip_string(text, i), colon = skip_space(text, end);
    const std::string_view key = text.substr(i, end - i);
    i = end;
    if (colon >= text.size() || text[colon] != ':') continue;
    if (depth == 1) outer = key;
    const size_t value = skip_space(text, colon + 1);
    if (depth != 2 || outer != "\"model\"" || key != "\"merges\"" || value >= text.size() ||
        text[value] != '[')
      continue;
    if (found.end != 0) return {};
    i = skip_value(text, value);
    found = {value, std::min(i, text.size())};
  }
  return found;
}

json parse_tokenizer_json(std::string_view text, const std::string &file, size_t least) {
  const TextRange range = text.size() < least ? TextRange() : find_merges(text);
  if (range.size() < std::max<size_t>(least, 1)) return parse_json(text, file);
  check_json_depth(text, file);
  try {
    json root = parse_in_parts(text, range);
    if (!root.is_null()) return root;
  } catch (const std::system_error &) {  // no thread to be had
  }
  return parse_json(text, file);
}

}  // namespace kvern::tokenizer
