// Strings of TOML: basic and literal, of one line or several.
#pragma once
#include <string>

#include "runtime/config/text/cursor.hpp"

namespace kvern::config {

/// The string that begins at the cursor, which stands at its first quote. Throws SyntaxError. `multi_line`: """ and ''' are
/// allowed (keys have only the short forms).
std::string read_toml_string(Cursor &at, bool multi_line);

/// May stand in comments and strings of one line: everything but control characters; a tab may.
bool is_toml_text(char c);

}  // namespace kvern::config
