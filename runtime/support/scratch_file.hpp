// Memory in a file without a name: what is put aside for a moment and may be larger than the memory that is left.
#pragma once
#include <cstddef>
#include <string>

namespace kvern {

class ScratchFile {
 public:
  /// Of so many bytes, zero at first, in `folder` (empty: that of temporary files). Throws Error(output) if the disk has no room.
  explicit ScratchFile(std::size_t bytes, const std::string &folder = "");
  ~ScratchFile();
  ScratchFile(ScratchFile &&other) noexcept;
  ScratchFile &operator=(ScratchFile &&other) noexcept;

  std::byte *data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte *data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace kvern
