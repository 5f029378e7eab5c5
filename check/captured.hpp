// A standard stream of this process, held back while calls of a plugin run.
#pragma once
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <string>

namespace kvern::conformance {

/// While it lives, a standard stream goes to memory.
class Captured {
 public:
  explicit Captured(int stream)
      : stream_(stream), kept_(dup(stream)), memory_(memfd_create("output", MFD_CLOEXEC)) {
    std::fflush(nullptr);
    dup2(memory_, stream_);
  }
  Captured(const Captured &) = delete;
  ~Captured() {
    std::fflush(nullptr);
    dup2(kept_, stream_);
    close(kept_), close(memory_);
  }
  /// The first 200 bytes.
  std::string text() const {
    std::fflush(nullptr);
    std::string text(200, '\0');
    const ssize_t size = pread(memory_, text.data(), text.size(), 0);
    text.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
    return text;
  }

 private:
  int stream_, kept_, memory_;
};

}  // namespace kvern::conformance
