// The process's threads: one pool for kvern's kernels, the same number for LibTorch.
#pragma once
#include "core/kernels/parallel.hpp"

namespace kvern {

/// Sets how many threads compute, LibTorch's among them; 0 = one per processor. Before work starts, from one
/// thread.
void set_threads(int threads);
int threads();

/// What kernels take. Good until the next set_threads.
kernels::Parallel parallel();

}  // namespace kvern
