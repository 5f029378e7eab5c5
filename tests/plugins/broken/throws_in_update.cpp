// Lets something that is not even a std::exception out of update.
#include "tests/plugins/broken/broken.hpp"

static kvern_status update(kvern_cache *, int32_t, const DLTensor *, const DLTensor *, DLTensor *, DLTensor *,
                           kvern_error *) {
  throw 42;
}

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("throws_in_update");
  toy::ops.update = update;
  return &toy::plugin;
}
