#include "runtime/support/json_depth.hpp"

#include <algorithm>
#include <kvern/error.hpp>

namespace kvern {
namespace {

// The index after the string that begins at `i`.
size_t skip_string(std::string_view text, size_t i) {
  for (++i; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] == '\\') ++i;
  }
  return i + 1;
}

}  // namespace

void check_json_depth(std::string_view text, const std::string &place) {
  int depth = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"') {
      i = skip_string(text, i);
      continue;
    }
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kMaxJsonDepth) {
      const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(i), '\n');
      throw Error(ErrorKind::model, place + ": line " + std::to_string(line) +
                                        " is nested too deep: at most " + std::to_string(kMaxJsonDepth) +
                                        " lists and objects in each other are allowed");
    }
    ++i;
  }
}

}  // namespace kvern
