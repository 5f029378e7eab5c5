// Files of options: JSON where the name says so or the text begins with a brace, else TOML.
#pragma once
#include <filesystem>
#include <kvern/options.hpp>
#include <string>
#include <string_view>

namespace kvern::config {

/// The tree of a text, called `name` in messages; each value's `place` is "NAME:LINE". Throws Error(config).
OptionTable parse_options(std::string_view text, const std::string &name);

/// The same for a file. Throws Error(config), also where it is no readable regular file.
OptionTable read_options(const std::filesystem::path &file);

}  // namespace kvern::config
