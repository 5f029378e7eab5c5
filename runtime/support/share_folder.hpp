// Where the files lie that are installed with the program.
#pragma once
#include "devices/program_folder.hpp"

namespace kvern {

/// share/kvern beside the folder of the program; empty where the system does not say where that is.
inline std::filesystem::path share_folder() {
  const std::filesystem::path folder = program_folder();
  return folder.empty() ? folder : folder.parent_path() / "share" / "kvern";
}

}  // namespace kvern
