// Processors that this process may use: those of its affinity mask, no more than its cgroups' CPU quotas pay for. Containers
// set either; std::thread::hardware_concurrency() reports the machine.
#pragma once
#include <filesystem>
#include <optional>

namespace kvern {

/// At least 1. Read anew at each call. [any thread]
int allowed_processors();

/// Processors that the CPU quotas of the process's cgroups are worth, the least of all levels, rounded up; none without a
/// quota. `membership` is /proc/self/cgroup; `mounted` is where cgroups are mounted (/sys/fs/cgroup): version 2 at its top
/// (cpu.max), version 1 in its folder of the controller `cpu` (cpu.cfs_quota_us, cpu.cfs_period_us). Unreadable files count as
/// no quota.
std::optional<int> quota_processors(const std::filesystem::path &membership,
                                    const std::filesystem::path &mounted);

}  // namespace kvern
