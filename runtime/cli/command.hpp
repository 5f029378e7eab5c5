// The commands of the program, a function each.
#pragma once
#include <string>
#include <vector>

namespace kvern::cli {

/// Arguments behind the command's name. Returns the exit code; throws Error.
int generate_command(const std::vector<std::string> &arguments);
int caches_command(const std::vector<std::string> &arguments);
int inspect_command(const std::vector<std::string> &arguments);
int compare_command(const std::vector<std::string> &arguments);
int bench_command(const std::vector<std::string> &arguments);

}  // namespace kvern::cli
