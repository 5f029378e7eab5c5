// A whole file as text, with every failure noticed: a read error is never an empty or a shorter text.
#pragma once
#include <filesystem>
#include <string>

namespace kvern {

struct FileText {
  std::string text;  ///< at most max_bytes + 1 bytes: one more than max_bytes shows that there are more
  std::string
      problem;  ///< "" or why it was not read: "no such file", "is a directory", "cannot be read: ..."
};

/// `only_regular`: FIFOs, devices and sockets are refused without being opened, since that could wait for ever.
FileText read_file(const std::filesystem::path &path, size_t max_bytes, bool only_regular);

}  // namespace kvern
