// open with O_NONBLOCK, fstat, and only then a decision what the path is.
#include "runtime/support/read_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "runtime/support/printable.hpp"

#ifndef PIPEFS_MAGIC
#define PIPEFS_MAGIC 0x50495045
#endif

namespace kvern {
namespace {

namespace fs = std::filesystem;

/// The kind of an error of the system: a file for whose reading there is no memory is no wrong file.
ErrorKind kind_of_error(int error, ErrorKind otherwise) {
  return error == ENOMEM ? ErrorKind::out_of_memory : otherwise;
}

[[noreturn]] void refuse(const fs::path &path, ErrorKind kind, const std::string &why) {
  throw Error(kind, printable(path.string(), 4096) + ": " + why);
}

// A file of the Hugging Face cache is a link from snapshots/ into blobs/.
std::string missing_target(const fs::path &path) {
  std::error_code ignored;
  const std::string target = fs::read_symlink(path, ignored).string();
  const bool blob = target.find("blobs/") != std::string::npos;
  return "is a link to " + in_quotes(target) + ", which does not exist" +
         (blob ? "; the download into the Hugging Face cache is incomplete, repeat it" : "");
}

std::string open_failure(const fs::path &path, int error) {
  std::error_code ignored;
  const bool link = fs::is_symlink(fs::symlink_status(path, ignored));
  if (error == ENOENT && link) return missing_target(path);
  if (error == ENOENT || error == ENOTDIR) return "no such file";
  if (error == ELOOP) return "is a link that leads to itself";
  if (error == ENXIO) return "is a socket or a device without a driver; a regular file is required";
  if (error == EACCES || error == EPERM) return "cannot be read: permission denied";
  return std::string("cannot be read: ") + std::strerror(error);
}

const char *kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a FIFO (named pipe)";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool is_anonymous_pipe(int descriptor, mode_t mode) {
  struct statfs system {};
  return S_ISFIFO(mode) && ::fstatfs(descriptor, &system) == 0 && system.f_type == PIPEFS_MAGIC;
}

}  // namespace

RegularFile::RegularFile(const fs::path &path, ErrorKind kind, bool pipes)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
  if (descriptor_ < 0) {
    const int failed = errno;
    refuse(path, kind_of_error(failed, kind), open_failure(path, failed));
  }
  struct stat info {};
  const int error = ::fstat(descriptor_, &info) == 0 ? 0 : errno;
  const bool pipe = pipes && is_anonymous_pipe(descriptor_, info.st_mode);
  if (error == 0 && (S_ISREG(info.st_mode) || pipe)) {
    if (S_ISREG(info.st_mode)) size_ = static_cast<uint64_t>(info.st_size);
    if (pipe) ::fcntl(descriptor_, F_SETFL, O_RDONLY);
    return;
  }
  ::close(descriptor_);  // the destructor of an object that was not completed does not run
  if (error != 0)
    refuse(path, kind_of_error(error, kind), std::string("cannot be read: ") + std::strerror(error));
  refuse(path, kind, std::string("is ") + kind_of(info.st_mode) + "; a regular file is required");
}

RegularFile::~RegularFile() { ::close(descriptor_); }

std::string read_file(const fs::path &path, ErrorKind kind, size_t max_bytes, bool pipes) {
  const RegularFile file(path, kind, pipes);
  const auto check_size = [&](uint64_t size) {
    if (size > max_bytes) refuse(path, kind, "is larger than " + std::to_string(max_bytes) + " bytes");
  };
  check_size(file.size());
  constexpr size_t kStep = size_t{1} << 16;
  std::string text(file.size() != 0 ? file.size() + 1 : kStep, '\0');  // one more, so that the end is seen
  for (size_t used = 0;;) {
    if (used == text.size()) text.resize(2 * used);
    const ssize_t got = ::read(file.descriptor(), text.data() + used, text.size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int failed = errno;
      refuse(path, kind_of_error(failed, kind), std::string("cannot be read: ") + std::strerror(failed));
    }
    used += static_cast<size_t>(got);
    check_size(used);
    if (got > 0) continue;
    text.resize(used);
    return text;
  }
}

bool is_present(const fs::path &path) {
  std::error_code ignored;
  return fs::symlink_status(path, ignored).type() != fs::file_type::not_found;
}

}  // namespace kvern
