// Keeps LibTorch to one thread: OpenMP reports the number of MKL, which reads its environment variable when it is first used.
#include "core/torch/single_thread.hpp"

#include <cstdlib>
#include <initializer_list>

namespace kvern {

void keep_torch_single_threaded() {
  for (const char *name : {"MKL_NUM_THREADS", "OMP_NUM_THREADS"}) ::setenv(name, "1", 1);
}

}  // namespace kvern
