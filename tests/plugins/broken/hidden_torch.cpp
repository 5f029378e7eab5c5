// Calls a function of LibTorch, and says that it needs none.
#include "tests/plugins/broken/broken.hpp"

namespace c10 {
__attribute__((weak)) void function_of_libtorch();
}

static kvern_status reset(kvern_cache *, kvern_error *) {
  if (c10::function_of_libtorch) c10::function_of_libtorch();
  return KVERN_OK;
}

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("hidden_torch");
  toy::ops.reset = reset;
  return &toy::plugin;
}
