// The threads of the process that compute: one pool for kvern's kernels. LibTorch's own pool is not used. Free of LibTorch.
#pragma once
#include "kernels/parallel.hpp"

namespace kvern {

/// Sets how many threads compute; 0 = one per processor. Before work starts, from one thread.
void set_threads(int threads);
int threads();

/// What kernels take. Good until the next set_threads.
kernels::Parallel parallel();

}  // namespace kvern
