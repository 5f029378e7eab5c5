// Processors that this process may use: those of its affinity mask, no more than its cgroups' CPU quotas pay for. Containers
// set either; std::thread::hardware_concurrency() reports the machine.
#pragma once
#include <filesystem>
#include <optional>

namespace kvern {

/// At least 1. Read anew at each call. [any thread]
int allowed_processors();

/// Processors that the CPU quotas of the process's cgroups are worth, the least of all levels, rounded up; none without a
/// quota (cpu.max, or cpu.cfs_quota_us by cpu.cfs_period_us). Paths as in least_cgroup_limit.
std::optional<int> quota_processors(const std::filesystem::path &membership,
                                    const std::filesystem::path &mounted);

}  // namespace kvern
