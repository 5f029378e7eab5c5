// JSON text to a tree of options in which every value knows its line: configurations are read as JSON wherever they are
// read as TOML.
#pragma once
#include <kvern/options.hpp>
#include <string>
#include <string_view>

namespace kvern::config {

/// The tree of a text whose top is an object, keys in the order of the file; each value's `place` is "FILE:LINE". `null` counts
/// as absent; NaN, Infinity and -Infinity, which Python writes, are numbers. Throws Error(config) naming file and line:
/// no valid JSON, a key twice, a number beyond 64 bits, nesting more than 32 deep, a text above 1 MB.
OptionTable parse_json(std::string_view text, const std::string &file);

}  // namespace kvern::config
