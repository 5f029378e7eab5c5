#include "core/support/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <thread>

#include "core/support/cgroups.hpp"

namespace kvern {
namespace {

namespace fs = std::filesystem;

/// Of sched_getaffinity, for any number of processors; 0 if the system does not tell.
int affinity_processors() {
  for (int processors = 1024; processors <= (1 << 20); processors *= 4) {
    cpu_set_t *set = CPU_ALLOC(static_cast<size_t>(processors));
    if (!set) return 0;
    const size_t bytes = CPU_ALLOC_SIZE(static_cast<size_t>(processors));
    const bool read = sched_getaffinity(0, bytes, set) == 0;
    const int count = read ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (read) return count;
  }
  return 0;
}

/// "QUOTA PERIOD" in microseconds; anything else ("max 100000", "-1", "") is no quota.
std::optional<int64_t> processors_of(const std::string &quota_and_period) {
  std::istringstream in(quota_and_period);
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<int64_t>(std::clamp(std::ceil(quota / period), 1.0, 1e6));
}

std::optional<int64_t> quota_of(const fs::path &cgroup, bool version_2) {
  if (version_2) return processors_of(first_line(cgroup / "cpu.max"));
  return processors_of(first_line(cgroup / "cpu.cfs_quota_us") + " " +
                       first_line(cgroup / "cpu.cfs_period_us"));
}

}  // namespace

std::optional<int> quota_processors(const fs::path &membership, const fs::path &mounted) {
  const auto quota = least_cgroup_limit(membership, mounted, "cpu", quota_of);
  if (!quota) return std::nullopt;
  return static_cast<int>(*quota);
}

int allowed_processors() {
  int allowed = affinity_processors();
  if (allowed <= 0) allowed = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::min(allowed, quota_processors("/proc/self/cgroup", "/sys/fs/cgroup").value_or(allowed));
}

}  // namespace kvern
