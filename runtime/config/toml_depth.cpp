#include "runtime/config/toml_depth.hpp"

#include <algorithm>
#include <cctype>
#include <string>

#include "runtime/config/text/cursor.hpp"

namespace kvern::config {
namespace {

/// Skips a quoted string or comment that begins at `i`; returns the index after it, or `i` where none begins. Only
/// approximately TOML: what it misjudges is a syntax error anyway.
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

size_t line_at(std::string_view text, size_t i) {
  return 1 + static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(i), '\n'));
}

/// Whether what follows the `[` of a table header at `i` can begin a key, or is missing.
bool begins_key(std::string_view text, size_t i) {
  if (text.substr(i, 2) == "[[") ++i;
  i = text.find_first_not_of(" \t", i + 1);
  if (i == std::string_view::npos) return true;
  return std::isalnum(static_cast<unsigned char>(text[i])) != 0 ||
         std::string_view("_-\"']").find(text[i]) != std::string_view::npos;
}

}  // namespace

size_t line_of_stray_character(std::string_view text) {
  int depth = 0;
  bool line_begins = true;
  for (size_t i = 0; i < text.size();) {
    const size_t after = skip_quoted(text, i);
    if (after > i) {
      i = after;
      line_begins = text[i - 1] == '\n';
      continue;
    }
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x80) return line_at(text, i);
    if (c == '[' && depth == 0 && line_begins && !begins_key(text, i)) return line_at(text, i);
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && depth > 0) --depth;
    line_begins = c == '\n' || (line_begins && (c == ' ' || c == '\t' || c == '\r'));
    ++i;
  }
  return 0;
}

size_t line_beyond_depth(std::string_view text) {
  int depth = 0, dots = 0;
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
    if (depth > kMaxDepth || dots > kMaxDepth)
      return 1 +
             static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(i), '\n'));
  }
  return 0;
}

}  // namespace kvern::config
