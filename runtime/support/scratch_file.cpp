#include "runtime/support/scratch_file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <kvern/error.hpp>
#include <utility>

namespace kvern {
namespace {

/// A file that is gone when it is closed.
int open_nameless(const std::string &folder) {
  const int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  std::string name = folder + "/kvern-XXXXXX";  // where the file system knows no nameless files
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

[[noreturn]] void no_room(const std::string &folder, std::size_t bytes, int error) {
  throw Error(ErrorKind::output, folder + ": no room for " + std::to_string(bytes) +
                                     " bytes that are put aside: " + std::strerror(error));
}

}  // namespace

ScratchFile::ScratchFile(std::size_t bytes, const std::string &folder) : size_(bytes) {
  const std::string where = folder.empty() ? std::filesystem::temp_directory_path().string() : folder;
  if (bytes == 0) return;
  const int file = open_nameless(where);
  if (file < 0) no_room(where, bytes, errno);
  const int full = ::posix_fallocate(file, 0, static_cast<off_t>(bytes));
  void *data = full == 0 ? ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
  const int error = full != 0 ? full : errno;
  ::close(file);
  if (data == MAP_FAILED) no_room(where, bytes, error);
  data_ = static_cast<std::byte *>(data);
}

ScratchFile::~ScratchFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

ScratchFile::ScratchFile(ScratchFile &&other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

ScratchFile &ScratchFile::operator=(ScratchFile &&other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace kvern
