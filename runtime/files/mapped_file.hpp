// A whole file as read-only memory. It is mapped, not read: pages come from the disk when they are touched.
#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>

#include "runtime/files/mapped_regions.hpp"

namespace kvern::files {

/// Owns one read-only mapping. Const use from any thread. If the file is shortened while it is mapped, later reads raise
/// SIGBUS (exit_on_lost_mapping): weights are replaced by renaming a new file over the old one.
class MappedFile {
 public:
  /// Throws Error(model) for whatever RegularFile refuses.
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
  std::optional<MappedRegion> region_;
};

}  // namespace kvern::files
