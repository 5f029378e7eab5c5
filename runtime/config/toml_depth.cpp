#include "runtime/config/toml_depth.hpp"

#include <algorithm>
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

}  // namespace

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
