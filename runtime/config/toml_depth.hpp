// Checks of a TOML text before it is parsed. The parser, and the trees that it makes, recurse by brackets and dotted keys;
// and it takes for granted, with undefined behaviour if not, what line_of_stray_character checks.
#pragma once
#include <cstddef>
#include <string_view>

namespace kvern::config {

/// The line where brackets or the parts of a dotted key exceed kMaxDepth (runtime/config/text/cursor.hpp), 0 if none does.
size_t line_beyond_depth(std::string_view text);

/// The line with a character that is not ASCII outside of strings and comments, or with a table header that does not begin
/// with a key, 0 if there is none. Neither is ever valid.
size_t line_of_stray_character(std::string_view text);

}  // namespace kvern::config
