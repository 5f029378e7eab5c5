// Memory that this process may use.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>

namespace kvern {

/// Bytes: the machine's memory, no more than the process's cgroups allow; 0 if the system does not report it. Swap does not
/// count. [any thread]
int64_t usable_memory();

/// The least memory limit of the process's cgroups in bytes (memory.max, memory.limit_in_bytes); none without one. Paths as in
/// least_cgroup_limit.
std::optional<int64_t> cgroup_memory(const std::filesystem::path &membership,
                                     const std::filesystem::path &mounted);

}  // namespace kvern
