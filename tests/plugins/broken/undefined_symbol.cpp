// Calls a function that no library has: found out at load time, not in the middle of a text.
#include "tests/plugins/broken/broken.hpp"

void kvern_function_of_no_library();

static kvern_status reset(kvern_cache *, kvern_error *) {
  kvern_function_of_no_library();
  return KVERN_OK;
}

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("undefined_symbol");
  toy::ops.reset = reset;
  return &toy::plugin;
}
