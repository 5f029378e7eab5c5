// Says that it has keys, and not where they are.
#include "tests/plugins/broken/broken.hpp"

static kvern_status view(kvern_cache *, int32_t, kvern_view *view, kvern_error *) {
  view->kv_len = 7;
  return KVERN_OK;
}

KVERN_BROKEN_ENTRY(const kvern_host *) {
  toy::restore("lying_view");
  toy::ops.view = view;
  return &toy::plugin;
}
