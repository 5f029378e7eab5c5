// A cache with its options as one argument of the command line.
#pragma once
#include <string>
#include <vector>

#include "runtime/config/run_config.hpp"

namespace kvern::cli {

/// `text` is a cache's name (or a path to its library), a name with options as in "static{max_cache_len = 4096}", or a TOML
/// or JSON file (*.toml, *.json), of which everything about the cache counts: cache_implementation, cache_config, cache_dtype, memory_budget,
/// plugin_path. The rest, and what a file leaves open, is as in `base`. The plugin and its options are checked; errors name
/// `option` or the file. Throws Error(config) or Error(plugin).
config::RunConfig read_cache_argument(const std::string &option, const std::string &text,
                                      const config::RunConfig &base);

/// The parts of "NAME,NAME{a = 1, b = 2}": commas within braces, brackets and quotes do not separate.
std::vector<std::string> split_caches(const std::string &text);

}  // namespace kvern::cli
