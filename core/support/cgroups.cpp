// A process in a cgroup namespace sees the path of its cgroup as "/" or as a path outside of what is mounted: then the mounted
// top is its own cgroup.
#include "core/support/cgroups.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace kvern {
namespace {

namespace fs = std::filesystem;

std::optional<int64_t> least(std::optional<int64_t> a, std::optional<int64_t> b) {
  return a && b ? std::min(a, b) : a ? a : b;
}

/// Of the cgroup and those above it, up to `top`.
std::optional<int64_t> least_on_path(const fs::path &top, const std::string &path, bool version_2,
                                     const CgroupLimit &limit) {
  std::optional<int64_t> result = limit(top, version_2);
  fs::path cgroup = top;
  for (const fs::path &part : fs::path(path).relative_path()) {
    cgroup /= part;
    result = least(result, limit(cgroup, version_2));
  }
  return result;
}

bool names_controller(const std::string &controllers, const std::string &name) {
  std::istringstream in(controllers);
  for (std::string one; std::getline(in, one, ',');)
    if (one == name) return true;
  return false;
}

}  // namespace

std::string first_line(const fs::path &file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

std::optional<int64_t> least_cgroup_limit(const fs::path &membership, const fs::path &mounted,
                                          const std::string &controller, const CgroupLimit &limit) {
  std::ifstream in(membership);
  std::optional<int64_t> result;
  for (std::string line; std::getline(in, line);) {  // NUMBER:CONTROLLERS:PATH
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      path = line.substr(second + 1);
    if (!controllers.empty() && !names_controller(controllers, controller)) continue;
    std::vector<fs::path> tops = {mounted};
    if (!controllers.empty()) tops = {mounted / controllers, mounted / controller};
    for (const fs::path &top : tops)
      result = least(result, least_on_path(top, path, controllers.empty(), limit));
  }
  return result;
}

}  // namespace kvern
