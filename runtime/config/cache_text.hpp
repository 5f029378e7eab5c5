// A cache with its options as one text: NAME or NAME{option = value, ...}.
#pragma once
#include <kvern/options.hpp>
#include <string>
#include <string_view>

namespace kvern::config {

struct CacheText {
  std::string name;     ///< not empty; a plugin's name or the path of its library
  OptionTable options;  ///< empty where the text has no braces
};

/// Throws Error(config) beginning with `place`: no name, or braces that hold no TOML inline table.
CacheText parse_cache_text(std::string_view text, const std::string &place);

}  // namespace kvern::config
