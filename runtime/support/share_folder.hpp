// Where the files lie that are installed with the program.
#pragma once
#include <filesystem>

namespace kvern {

/// share/kvern beside the folder of the program.
inline std::filesystem::path share_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "share" / "kvern";
}

}  // namespace kvern
