#include "runtime/support/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kvern {
namespace {

std::string problem_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return "no such file";
  if (error == EISDIR) return "is a directory";
  return std::string("cannot be read: ") + std::strerror(error);
}

class Descriptor {
 public:
  explicit Descriptor(const char *path) : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor &) = delete;
  Descriptor &operator=(const Descriptor &) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// "" or why the file cannot be read, before it is opened.
std::string problem_before(const std::filesystem::path &path, bool only_regular) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return problem_of(errno);
  if (S_ISDIR(status.st_mode)) return problem_of(EISDIR);
  if (only_regular && !S_ISREG(status.st_mode)) return "is not a regular file";
  return "";
}

// Appends up to `max_bytes` bytes; returns errno.
int append_all(int fd, size_t max_bytes, std::string &to) {
  char buffer[1 << 16];
  while (to.size() < max_bytes) {
    const ssize_t n = ::read(fd, buffer, std::min(sizeof buffer, max_bytes - to.size()));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    if (n == 0) break;
    to.append(buffer, static_cast<size_t>(n));
  }
  return 0;
}

}  // namespace

FileText read_file(const std::filesystem::path &path, size_t max_bytes, bool only_regular) {
  FileText result;
  result.problem = problem_before(path, only_regular);
  if (!result.problem.empty()) return result;
  const Descriptor file(path.c_str());
  const int error = file.get() < 0 ? errno : append_all(file.get(), max_bytes + 1, result.text);
  if (error != 0) result.problem = problem_of(error);
  return result;
}

}  // namespace kvern
