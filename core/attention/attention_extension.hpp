// The host extension "kvern.attention/1" over kvern's kernels.
#pragma once
#include <kvern/abi/attention.h>

#include "devices/cpu/cpu_queue.hpp"

namespace kvern {

/// Of a queue, which outlives every use of it; the table has static lifetime. run_with_mass is there on a CPU only.
const kvern_attention_1 *attention_extension(Queue &queue = cpu_queue());

}  // namespace kvern
