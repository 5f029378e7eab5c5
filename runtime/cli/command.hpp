// The commands of the program. Each is a file of commands/, found by its name (cmake/KvernCollect.cmake).
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace kvern::cli {

struct Command {
  std::string_view name;
  std::string_view summary;  ///< one line of `kvern --help`
  /// Arguments behind the command's name. Returns the exit code; throws Error.
  int (*run)(const std::vector<std::string> &arguments);
};

/// All commands, sorted by name.
std::span<const Command *const> commands();

}  // namespace kvern::cli
