// "kvern.rope/1" of a host whose models rotate keys before the cache sees them: it refuses, and says what would be right.
#pragma once
#include <kvern/abi/rope.h>

namespace kvern::python {

/// Lives for ever.
const kvern_rope_1 *refused_rope();

}  // namespace kvern::python
