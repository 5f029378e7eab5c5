// The host extension "kvern.parallel/1" over the threads of the process.
#pragma once
#include <kvern/abi/parallel.h>

namespace kvern {

/// Lives for ever; uses the threads of devices/cpu/threads.hpp, as many as set_threads said last.
const kvern_parallel_1 *parallel_extension();

}  // namespace kvern
