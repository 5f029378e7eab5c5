// Limits that the process's control groups set, versions 1 and 2, on any level.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace kvern {

/// What the folder of one cgroup says; version_2: which files it has. None: no limit.
using CgroupLimit =
    std::function<std::optional<int64_t>(const std::filesystem::path &cgroup, bool version_2)>;

/// The least limit of all levels of the process's cgroups; none without one. `membership` is /proc/self/cgroup; `mounted` is where
/// cgroups are mounted (/sys/fs/cgroup): version 2 at its top, version 1 in the folder of its controller ("cpu", "memory").
/// Unreadable files count as no limit.
std::optional<int64_t> least_cgroup_limit(const std::filesystem::path &membership,
                                          const std::filesystem::path &mounted, const std::string &controller,
                                          const CgroupLimit &limit);

/// The first line of a file; empty if it cannot be read.
std::string first_line(const std::filesystem::path &file);

}  // namespace kvern
