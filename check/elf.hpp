// What a shared library says of itself, read from the file: nothing of it is run.
#pragma once
#include <string>
#include <vector>

namespace kvern::conformance {

struct ElfLibrary {
  std::vector<std::string> needed;    ///< libraries that it is linked with
  std::vector<std::string> exported;  ///< symbols that it defines for others
  std::vector<std::string> imported;  ///< symbols that others must define
  bool never_unloaded = false;        ///< -z nodelete
  bool own_cxx_runtime = false;       ///< contains libstdc++ itself
};

/// Throws Violation for a file that is no ELF library of 64 bits.
ElfLibrary read_elf(const std::string &path);

}  // namespace kvern::conformance
