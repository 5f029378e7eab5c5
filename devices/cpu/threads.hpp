// The compute threads of the process: one pool for kvern's kernels. LibTorch's own pool is not used. Free of LibTorch.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/parallel.hpp"

namespace kvern {

/// More threads than this are refused.
constexpr int64_t kMaxThreads = 1024;

/// Sets the number of compute threads; 0 = as many as the process may use processors (affinity, cgroup quota). Returns what the
/// user is to be warned of, or "": more threads than processors, or that the system refused some, so that fewer compute. Throws
/// kvern::Error (config) for a number below 0 or above kMaxThreads, and for a KVERN_CPU that is not available. Before work
/// starts, from one thread.
std::string set_threads(int64_t threads);
int threads();

/// For kernel calls. Valid until the next set_threads.
kernels::Parallel parallel();

}  // namespace kvern
