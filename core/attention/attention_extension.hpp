// The host extension "kvern.attention/1" over kvern's kernels.
#pragma once
#include <kvern/abi/attention.h>

namespace kvern {

/// Lives for ever; uses the threads of devices/cpu/threads.hpp.
const kvern_attention_1 *attention_extension();

}  // namespace kvern
