// Depth of a TOML text before it is parsed: the parser, and the trees that it makes, recurse by brackets and dotted keys.
#pragma once
#include <cstddef>
#include <string_view>

namespace kvern::config {

/// The line where brackets or the parts of a dotted key exceed kMaxDepth (runtime/config/text/cursor.hpp), 0 if none does.
size_t line_beyond_depth(std::string_view text);

}  // namespace kvern::config
