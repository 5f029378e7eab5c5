// What stands bare in TOML: booleans, integers, numbers, and what only looks like a value.
#pragma once
#include <kvern/options.hpp>

#include "runtime/config/text/cursor.hpp"

namespace kvern::config {

/// Reads true, false, an integer, a float, inf or nan. Throws SyntaxError for anything else (a word without quotes is told so),
/// Error(config) for dates and for numbers that are too large.
Option read_toml_bare(Cursor &at);

}  // namespace kvern::config
