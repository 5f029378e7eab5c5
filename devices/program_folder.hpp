// Where the running program lies, and what was installed or built with it.
#pragma once
#include <filesystem>
#include <vector>

namespace kvern {

/// The folder of the program; empty where the system does not say, never the working directory.
inline std::filesystem::path program_folder() {
  std::error_code failed;
  return std::filesystem::read_symlink("/proc/self/exe", failed).parent_path();
}

/// lib/kvern/NAME beside the folder of the program, where it is installed, and in it, where it was built.
inline std::vector<std::filesystem::path> program_libraries(const char *name) {
  const std::filesystem::path folder = program_folder();
  if (folder.empty()) return {};
  return {folder.parent_path() / "lib/kvern" / name, folder / "lib/kvern" / name};
}

}  // namespace kvern
