// A whole file as read-only memory. It is mapped, not read: pages come from the disk when they are touched.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string_view>

namespace kvern::files {

/// Owns one mapping. Const use from any thread. A file that someone shortens while it is mapped makes later
/// reads fail with SIGBUS: weights are replaced by renaming a new file over the old one.
class MappedFile {
 public:
  /// Throws Error(model), each case in words of its own: absent, a directory, unreadable, not a regular file.
  explicit MappedFile(const std::filesystem::path &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  const std::filesystem::path &path() const { return path_; }
  const std::byte *data() const { return data_; }  ///< null for an empty file; page-aligned
  size_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char *>(data_), size_}; }

  /// Tells the system to read the whole file ahead. A hint: it neither waits nor fails.
  void prefetch() const;

 private:
  std::filesystem::path path_;
  std::byte *data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace kvern::files
