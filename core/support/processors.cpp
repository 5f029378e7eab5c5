// A process in a cgroup namespace sees the path of its cgroup as "/" or as a path outside of what is mounted: then the mounted
// top is its own cgroup.
#include "core/support/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

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

std::string first_line(const fs::path &file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// "QUOTA PERIOD" in microseconds; anything else ("max 100000", "-1", "") is no quota.
std::optional<int> processors_of(const std::string &quota_and_period) {
  std::istringstream in(quota_and_period);
  double quota = 0, period = 0;
  if (!(in >> quota >> period) || quota <= 0 || period <= 0) return std::nullopt;
  return static_cast<int>(std::clamp(std::ceil(quota / period), 1.0, 1e6));
}

std::optional<int> quota_of(const fs::path &cgroup, bool version_2) {
  if (version_2) return processors_of(first_line(cgroup / "cpu.max"));
  return processors_of(first_line(cgroup / "cpu.cfs_quota_us") + " " +
                       first_line(cgroup / "cpu.cfs_period_us"));
}

/// The least quota of the cgroup and those above it, up to `top`.
std::optional<int> least_quota(const fs::path &top, const std::string &path, bool version_2) {
  std::optional<int> least = quota_of(top, version_2);
  fs::path cgroup = top;
  for (const fs::path &part : fs::path(path).relative_path()) {
    cgroup /= part;
    const auto quota = quota_of(cgroup, version_2);
    if (quota) least = std::min(*quota, least.value_or(*quota));
  }
  return least;
}

bool has_cpu_controller(const std::string &controllers) {
  std::istringstream in(controllers);
  for (std::string one; std::getline(in, one, ',');)
    if (one == "cpu") return true;
  return false;
}

}  // namespace

std::optional<int> quota_processors(const fs::path &membership, const fs::path &mounted) {
  std::ifstream in(membership);
  std::optional<int> least;
  for (std::string line; std::getline(in, line);) {  // NUMBER:CONTROLLERS:PATH
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (!controllers.empty() && !has_cpu_controller(controllers)) continue;
    std::vector<fs::path> tops = {mounted};
    if (!controllers.empty()) tops = {mounted / controllers, mounted / "cpu"};
    for (const fs::path &top : tops) {
      const auto quota = least_quota(top, path, controllers.empty());
      if (quota) least = std::min(*quota, least.value_or(*quota));
    }
  }
  return least;
}

int allowed_processors() {
  int allowed = affinity_processors();
  if (allowed <= 0) allowed = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return std::min(allowed, quota_processors("/proc/self/cgroup", "/sys/fs/cgroup").value_or(allowed));
}

}  // namespace kvern
