// TOML text to a tree of options in which every value knows its line. What a key means is decided elsewhere.
#pragma once
#include <kvern/options.hpp>
#include <string>
#include <string_view>

namespace kvern::config {

/// The tree of a TOML text, keys in the order of the file; each value's `place` is "FILE:LINE". Throws
/// Error(config) naming file and line: no valid TOML, a date or time (no option is one), a number beyond 64
/// bits, brackets nested more than 32 deep, a text above 1 MB.
OptionTable parse_toml(std::string_view text, const std::string &file);

/// One value as it would stand right of '='. What is no TOML value and does not begin like one (with a quote
/// or a bracket) is a string: `static`, `./models/x`. `place` becomes the value's place; throws Error(config)
/// naming it, also for a number beyond 64 bits.
Option parse_toml_value(std::string_view text, const std::string &place);

}  // namespace kvern::config
