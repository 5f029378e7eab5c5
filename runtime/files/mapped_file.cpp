// open, fstat, mmap, close: the descriptor is not kept, the mapping outlives it.
#include "runtime/files/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <kvern/error.hpp>

#include "runtime/support/printable.hpp"

namespace kvern::files {
namespace {

[[noreturn]] void refuse(const std::filesystem::path &path, const std::string &why) {
  throw Error(ErrorKind::model, printable(path.string(), 4096) + ": " + why);
}

[[noreturn]] void refuse_errno(const std::filesystem::path &path, int error) {
  if (error == ENOENT || error == ENOTDIR) refuse(path, "no such file");
  if (error == EACCES || error == EPERM) refuse(path, "cannot be read: permission denied");
  refuse(path, std::string("cannot be read: ") + std::strerror(error));
}

class Descriptor {
 public:
  explicit Descriptor(const std::filesystem::path &path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

MappedFile::MappedFile(const std::filesystem::path &path) : path_(path) {
  const Descriptor file(path);
  if (file.get() < 0) refuse_errno(path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) refuse_errno(path, errno);
  if (S_ISDIR(info.st_mode)) refuse(path, "is a directory; a file belongs there");
  if (!S_ISREG(info.st_mode)) refuse(path, "is no regular file and cannot be mapped");
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void *memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) refuse_errno(path, errno);
  data_ = static_cast<std::byte *>(memory);
  // Reading through large pages is up to 1.4 times as fast. It concerns what is not in the page cache yet: a file that
  // was just written lies there in small ones.
  ::madvise(data_, size_, MADV_HUGEPAGE);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

void MappedFile::prefetch() const {
  if (data_ != nullptr) ::madvise(data_, size_, MADV_WILLNEED);
}

}  // namespace kvern::files
