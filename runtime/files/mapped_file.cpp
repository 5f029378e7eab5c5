// open, fstat, mmap, close: the descriptor is not kept, the mapping outlives it.
#include "runtime/files/mapped_file.hpp"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <kvern/error.hpp>

#include "runtime/support/printable.hpp"
#include "runtime/support/read_file.hpp"

namespace kvern::files {

MappedFile::MappedFile(const std::filesystem::path &path) : path_(path) {
  const RegularFile file(path, ErrorKind::model);
  size_ = static_cast<size_t>(file.size());
  if (size_ == 0) return;
  void *memory = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0);
  if (memory == MAP_FAILED) {
    const bool full = errno == ENOMEM;
    throw Error(full ? ErrorKind::out_of_memory : ErrorKind::model,
                printable(path.string(), 4096) + ": cannot be mapped (" + std::to_string(size_) +
                    " bytes): " + std::strerror(errno));
  }
  data_ = static_cast<std::byte *>(memory);
  region_.emplace(data_, size_, path.string());
  // Reading through large pages is up to 1.4 times as fast. It concerns what is not in the page cache yet: a file that
  // was just written lies there in small ones.
  ::madvise(data_, size_, MADV_HUGEPAGE);
}

MappedFile::~MappedFile() {
  region_.reset();
  if (data_ != nullptr) ::munmap(data_, size_);
}

void MappedFile::prefetch() const {
  if (data_ != nullptr) ::madvise(data_, size_, MADV_WILLNEED);
}

}  // namespace kvern::files
