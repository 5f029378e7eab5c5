// Opens and reads every file that a user names or a model folder holds. A path that is a FIFO, a device, a socket, a
// directory or a loop of links is an error at once: opening never blocks.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <kvern/error.hpp>
#include <string>

namespace kvern {

/// Owns the descriptor of a regular file that is open for reading.
class RegularFile {
 public:
  /// `pipes`: also accept an anonymous pipe, as the shell makes for `<(command)`. Throws Error(kind):
  /// "PATH: REASON", one reason for each kind of path that is no readable regular file.
  RegularFile(const std::filesystem::path &path, ErrorKind kind, bool pipes = false);
  ~RegularFile();
  RegularFile(const RegularFile &) = delete;
  RegularFile &operator=(const RegularFile &) = delete;

  int descriptor() const { return descriptor_; }
  uint64_t size() const { return size_; }  ///< as fstat reports it; 0 for files of /proc and pipes

 private:
  int descriptor_;
  uint64_t size_ = 0;
};

constexpr size_t kMaxFileBytes = size_t{1} << 30;

/// The whole file. Throws Error(kind): as RegularFile, for a read error, and for a file of more than `max_bytes`.
std::string read_file(const std::filesystem::path &path, ErrorKind kind, size_t max_bytes = kMaxFileBytes,
                      bool pipes = false);

/// Whether the folder has an entry of that name, be it a link that leads nowhere: std::filesystem::exists takes such a
/// link, and a folder that cannot be searched, for an absent file.
bool is_present(const std::filesystem::path &path);

}  // namespace kvern
