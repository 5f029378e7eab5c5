#include "core/support/memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>

#include "core/support/cgroups.hpp"

namespace kvern {
namespace {

/// "max" and anything else that is no number is no limit, and so is what version 1 says for none: nearly 2^63.
std::optional<int64_t> limit_of(const std::filesystem::path &cgroup, bool version_2) {
  const std::string text = first_line(cgroup / (version_2 ? "memory.max" : "memory.limit_in_bytes"));
  int64_t bytes = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || bytes <= 0) return std::nullopt;
  return bytes;
}

}  // namespace

std::optional<int64_t> cgroup_memory(const std::filesystem::path &membership,
                                     const std::filesystem::path &mounted) {
  return least_cgroup_limit(membership, mounted, "memory", limit_of);
}

int64_t usable_memory() {
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  const int64_t machine = pages > 0 && page > 0 ? pages * page : 0;
  const auto limit = cgroup_memory("/proc/self/cgroup", "/sys/fs/cgroup");
  return limit && (machine == 0 || *limit < machine) ? *limit : machine;
}

}  // namespace kvern
