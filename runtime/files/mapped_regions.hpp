// Which memory is a mapped file, for the SIGBUS handler: a file that is shortened while it is mapped, or whose disk fails,
// makes a later read of its pages that signal.
#pragma once
#include <cstddef>
#include <string>

namespace kvern::files {

/// Registers [begin, begin + size) as the mapping of a file for as long as it lives. From any thread.
class MappedRegion {
 public:
  MappedRegion(const void *begin, size_t size, const std::string &file_name);
  ~MappedRegion();
  MappedRegion(const MappedRegion &) = delete;
  MappedRegion &operator=(const MappedRegion &) = delete;

  struct Entry;

 private:
  Entry *entry_;
};

/// Installs a SIGBUS handler for the process. A fault inside a registered region writes one line to standard error and
/// ends the process with exit code 4 (ErrorKind::model); any other fault goes to the handler that was installed before.
/// `program` begins the line and must have static lifetime. Called by programs, never by a library.
void exit_on_lost_mapping(const char *program);

}  // namespace kvern::files
